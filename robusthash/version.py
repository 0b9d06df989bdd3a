"""The version of this distribution. Importable without anything else."""

__version__ = "0.1.0"
