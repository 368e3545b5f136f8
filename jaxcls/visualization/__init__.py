"""What is drawn: pictures with captions by Pillow; figures and curves by matplotlib, the extra `[tools]`."""
