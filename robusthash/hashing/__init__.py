"""Codes and code-space representatives."""

from robusthash.hashing.codes import binarise, hamming, pack, sign, unpack, words
from robusthash.hashing.representatives import centre, mainstay, mean, vote

__all__ = ["binarise", "centre", "hamming", "mainstay", "mean", "pack", "sign", "unpack", "vote", "words"]
