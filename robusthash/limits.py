"""The smallest and largest values that are taken for what they say, and not for a slip. Importable without torch."""

__all__ = ["LARGEST", "LARGEST_SIDE", "MOST_BITS", "MOST_WORKERS", "SMALLEST_SIDE"]

LARGEST = 10**18 - 1  #: whole number; what computes with them has 64 bits
MOST_BITS = 4096  #: longest code
MOST_WORKERS = 1024  #: processes of one machine; a larger number would exhaust it before the first shard
SMALLEST_SIDE = 8  #: pixels; the smallest images of the field have 8, and SSIM's window 7
LARGEST_SIDE = 4096  #: pixels; a batch of larger ones takes tens of gigabytes
