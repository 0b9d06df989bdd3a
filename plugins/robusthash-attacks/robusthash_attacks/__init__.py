"""Adversarial attacks on hashing retrieval, one method a file."""
