"""Defenses of hashing retrieval, one method a file."""
