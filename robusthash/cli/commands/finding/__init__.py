"""The commands that show what a model makes of pictures, and what it finds near them."""
