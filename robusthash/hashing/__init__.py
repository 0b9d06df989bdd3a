"""Codes and code-space representatives."""

from robusthash.hashing.codes import binarise, hamming, pack, sign, unpack, words
from robusthash.hashing.representatives import centre, mainstay, vote

__all__ = ["binarise", "centre", "hamming", "mainstay", "pack", "sign", "unpack", "vote", "words"]
