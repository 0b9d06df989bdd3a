"""Stored codes and descriptors with numpy alone: a report needs no torch."""

from typing import Any

import numpy as np
import numpy.typing as npt

from robusthash.specs import Distance, Relevance

Array = np.ndarray[Any, Any]
Floats = npt.NDArray[np.float64]

_CHUNK = 1 << 16  #: codes that are unpacked at a time


def turned(clean: Array, attacked: Array, bits: int) -> Floats:
    """By bit, the share of the queries whose bit turned.

    Args:
        clean: (queries, bytes) uint8 packed codes.
        attacked: of the same shape.
        bits: code length.

    >>> turned(np.array([[0b1000_0000]], np.uint8), np.array([[0]], np.uint8), 3).tolist()
    [1.0, 0.0, 0.0]
    """
    return ones(np.bitwise_xor(clean, attacked), bits)


def ones(packed: Array, bits: int) -> Floats:
    """By bit, the share of the codes in which it is set.

    Args:
        packed: (codes, bytes) uint8.
        bits: code length.
    """
    total = np.zeros(bits)
    for start in range(0, len(packed), _CHUNK):
        total += np.unpackbits(packed[start : start + _CHUNK], axis=1, count=bits).sum(0)
    return total / max(1, len(packed))


def distances(query: Array, items: Array, distance: Distance) -> Floats:
    """From a query to some items: bits, ``1 - cos``, or Euclidean.

    Args:
        query: (bytes,) uint8 packed code, or (size,) float descriptor.
        items: (n, ...) of the same kind.
        distance: between them.

    >>> distances(np.array([3], np.uint8), np.array([[0], [2]], np.uint8), Distance.HAMMING).tolist()
    [2.0, 1.0]
    """
    if distance is Distance.HAMMING:
        return np.asarray(np.bitwise_count(np.bitwise_xor(items, query)).sum(1), np.float64)
    one, others = query.astype(np.float64), items.astype(np.float64)
    if distance is Distance.L2:
        return np.asarray(np.linalg.norm(others - one, axis=1))
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(one)
    return np.asarray(1 - (others @ one) / np.maximum(lengths, np.finfo(np.float64).tiny))


def relevant(query: Array, items: Array, relevance: Relevance) -> npt.NDArray[np.bool_]:
    """Which items are relevant to a query, as in :mod:`robusthash.metrics`, which needs torch.

    Args:
        query: (classes,) multi-hot.
        items: (n, classes) multi-hot.
        relevance: when an item is relevant.

    >>> relevant(np.array([1, 0]), np.array([[1, 1], [0, 1]]), Relevance.SHARE_ANY).tolist()
    [True, False]
    """
    wanted, present = query.astype(bool), items.astype(bool)
    labelled = present.any(1) & wanted.any()
    if relevance is Relevance.EXACT:
        return np.asarray(labelled & (present == wanted).all(1))
    if relevance is Relevance.CONTAINS_TARGET:
        return np.asarray(labelled & (present | ~wanted).all(1))
    return np.asarray((present & wanted).any(1))
