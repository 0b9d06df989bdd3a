"""Attacks made for cross-modal hashing, and for texts."""
