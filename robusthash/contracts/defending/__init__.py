"""Defenses, and their context."""
