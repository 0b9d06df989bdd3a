"""Codes and code-space representatives."""

from robusthash.hashing.codes import binarise, hamming, pack, sign, unpack, words
from robusthash.hashing.representatives import vote

__all__ = ["binarise", "hamming", "pack", "sign", "unpack", "vote", "words"]
