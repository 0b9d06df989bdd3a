"""Defenses of hashing retrieval, one method per file."""
