"""Writes a complete plugin distribution of any kind, from templates. Importable without torch."""

from robusthash.scaffold.distribution import KINDS, Blueprint, blueprint, write

__all__ = ["KINDS", "Blueprint", "blueprint", "write"]
