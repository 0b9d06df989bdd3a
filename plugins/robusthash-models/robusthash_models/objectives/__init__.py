"""Hashing losses, one paper per file."""
