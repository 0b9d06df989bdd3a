"""Hashing losses, one paper to a file."""
