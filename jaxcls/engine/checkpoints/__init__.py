"""What is written so that a run can go on, and how it is read again."""
