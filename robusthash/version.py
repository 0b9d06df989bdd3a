"""The version of this distribution, importable without dependencies."""

__version__ = "0.1.0"
