"""Pictures for people, drawn with Pillow."""
