"""The commands that read stored results."""
