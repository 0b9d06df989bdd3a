"""A part of an index, in an actor: FAISS over some of the codes. It imports no torch, so that it starts quickly."""

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]  #: (n, bytes) packed codes
Distances = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int64]

_SCRATCH = 1 << 28  #: most bytes of scratch that a search takes beside its output, if one query fits
_TOGETHER = 32  #: queries that share a pass over the codes


class Part:
    """Some codes of a database, which follow one another.

    Args:
        width: bytes of a code.
        first: position of its first code in the database.
        threads: of FAISS.
    """

    def __init__(self, width: int, first: int, threads: int) -> None:
        faiss: Any = import_module("faiss")
        faiss.omp_set_num_threads(threads)
        self._flat = faiss.IndexBinaryFlat(8 * width)
        self._flat.use_heap = False  # counting instead: it keeps equal distances in the order of the codes
        self._first = first

    def add(self, codes: Octets) -> int:
        """Adds codes behind those that are there, and returns how many there are."""
        self._flat.add(np.ascontiguousarray(codes))
        return int(self._flat.ntotal)

    def search(self, queries: Octets, k: int) -> tuple[Distances, Ids]:
        """Distances and positions of the k nearest, or of all if there are fewer; ties by position."""
        k = min(k, self._flat.ntotal)
        of_one = (8 * queries.shape[1] + 1) * k * 8  # ids for each distance
        self._flat.query_batch_size = min(_TOGETHER, max(1, _SCRATCH // of_one))
        distances, ids = self._flat.search(np.ascontiguousarray(queries), k)
        return distances.astype(np.int64), ids + self._first

    def within(self, queries: Octets, bound: int) -> tuple[npt.NDArray[np.int64], Distances, Ids]:
        """How many codes are nearer than a bound, by query, and their distances and positions, query after query."""
        limits, distances, ids = self._flat.range_search(np.ascontiguousarray(queries), bound)
        return np.diff(limits.astype(np.int64)), distances.astype(np.int64), ids + self._first
