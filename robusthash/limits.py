"""The largest values that are taken for what they say, and not for a slip. Importable without torch."""

__all__ = ["LARGEST", "MOST_BITS", "MOST_WORKERS"]

LARGEST = 10**18 - 1  #: whole number; what computes with them has 64 bits
MOST_BITS = 4096  #: longest code
MOST_WORKERS = 1024  #: processes of one machine; a larger number would exhaust it before the first shard
