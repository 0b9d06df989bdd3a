"""Measures how robust deep-hashing image retrieval is against adversarial attack."""

from robusthash.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = ["__version__", "hookimpl"]
