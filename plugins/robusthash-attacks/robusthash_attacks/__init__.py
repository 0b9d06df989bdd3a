"""Adversarial attacks on hashing retrieval, one method per file."""
