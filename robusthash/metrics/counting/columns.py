"""Packed codes and labels of some items as columns of machine words, over which one operation runs for all items."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from robusthash.metrics.counting.labels import Octets

Word = TypeVar("Word", np.uint32, np.uint64)

LABEL_WORD = np.uint32  #: few datasets have more classes, and comparing 64 of them costs twice as much


def columns(octets: Octets, word: type[Word]) -> npt.NDArray[Word]:
    """Rows of bytes as columns of words, zero padded.

    Args:
        octets: (n, bytes).
        word: type of a machine word.

    Returns:
        (words, n), contiguous.

    >>> columns(np.array([[1, 0, 0, 0, 2], [3, 0, 0, 0, 4]], np.uint8), np.uint32).tolist()
    [[1, 3], [2, 4]]
    """
    items, width = octets.shape
    size = np.dtype(word).itemsize
    whole = -(-width // size) * size
    if whole != width:
        padded = np.zeros((items, whole), np.uint8)
        padded[:, :width] = octets
        octets = padded
    if not whole:
        return np.empty((0, items), word)
    return np.ascontiguousarray(np.ascontiguousarray(octets).view(word).T)
