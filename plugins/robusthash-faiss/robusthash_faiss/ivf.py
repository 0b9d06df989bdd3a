"""Approximate search in inverted lists (Jégou, Douze and Schmid, TPAMI 2011) under centres in Hamming space."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from robusthash.contracts import Ball, Index, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash_faiss.answers import Found, Octets, ball, octets, open_radius
from robusthash_faiss.approximate import ApproximateIndex
from robusthash_faiss.library import faiss

_SAMPLE = 64  #: items to a centre that the clustering looks at
_ROUNDS = 10  #: of the clustering, at most
_AT_ONCE = 1 << 16  #: codes compared with the centres in one pass; faiss's 32 leave its threads waiting for each other


@dataclass(frozen=True, kw_only=True)
class FaissIVF(Retriever):
    """Scans the lists whose centres are nearest to the query.

    A query whose lists hold fewer than k items is searched in twice as many, until k are found. A radius search looks
    into ``nprobe`` lists and no further. With as many probes as lists both are exact.
    """

    nlist: int | None = None  #: lists; None is the root of the database's size. At most the distinct items
    nprobe: int = 16  #: lists that a search looks into
    seed: int = 0  #: of the clustering

    def __post_init__(self) -> None:
        if self.nlist is not None and self.nlist < 1:
            raise OptionError(f"nlist is {self.nlist}", hint="at least one list; null takes the root of the size")
        if self.nprobe < 1:
            raise OptionError(f"nprobe is {self.nprobe}", hint="look into at least one list")
        if self.seed < 0:
            raise OptionError(f"seed is {self.seed}", hint="a seed is at least 0")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Approximate, on the CPU, any k, any radius."""
        return RetrieverCapabilities(exact=False, max_k=None, radius=True)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        codes = octets(items)
        centres = k_majority(codes, self.nlist or isqrt(len(codes)), seed=self.seed)
        quantiser = _flat(centres)
        lists = faiss().IndexBinaryIVF(quantiser, 8 * codes.shape[1], len(centres))
        lists.train(centres)  # the quantiser is full, so that faiss leaves it as it is
        lists.add(codes)
        return IVFIndex(lists, items, space, key, self.capabilities, nprobe=self.nprobe)


class InvertedLists(Protocol):
    """What is used of faiss's ``IndexBinaryIVF``."""

    nlist: int
    nprobe: int

    def search(self, x: Octets, k: int) -> Found:
        """Distances and ids of the k nearest in the probed lists."""
        ...

    def range_search(self, x: Octets, thresh: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, distances and ids of everything nearer than ``thresh`` in the probed lists."""
        ...


class IVFIndex(ApproximateIndex):
    """Inverted lists.

    Args:
        lists: faiss's ``IndexBinaryIVF``, filled.
        items: the database, (size, ceil(bits / 8)) uint8.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
        nprobe: lists that a search looks into.
    """

    def __init__(
        self,
        lists: InvertedLists,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
        *,
        nprobe: int,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._lists = lists
        self._nprobe = min(nprobe, lists.nlist)

    def _widths(self, k: int) -> Iterator[int]:  # noqa: ARG002 - any k may be in the first lists
        width = self._nprobe
        while width < self._lists.nlist:
            yield width
            width *= 2
        yield self._lists.nlist

    def _find(self, queries: Octets, k: int, width: int) -> Found:
        self._lists.nprobe = width
        return self._lists.search(queries, k)

    def _within(self, queries: Tensor, radius: float) -> Ball:
        self._lists.nprobe = self._nprobe
        return ball(*self._lists.range_search(octets(queries), open_radius(radius, self.space)))


def k_majority(codes: Octets, count: int, *, seed: int) -> Octets:
    """Centres of a clustering in Hamming space: items go to the nearest centre, its bits are the majority of theirs.

    faiss's own clustering computes in floats, whose sums depend on the number of threads and on the BLAS library.
    Here all are whole numbers, ties going to the first centre and to the unset bit, so the centres are the same
    everywhere.

    Args:
        codes: (n, bytes).
        count: centres wanted.
        seed: of the sample that is clustered and of the first centres, which are distinct items.

    Returns:
        (at most count, bytes): fewer where the sample has fewer distinct items.
    """
    shuffled = np.random.default_rng(seed).permutation(len(codes))[: count * _SAMPLE]
    sample = codes[shuffled]
    firsts = np.sort(np.unique(sample, axis=0, return_index=True)[1])[:count]
    centres = sample[firsts]
    bits = np.unpackbits(sample, axis=1)
    for _ in range(_ROUNDS):
        _, nearest = _flat(centres).search(sample, 1)
        order = np.argsort(nearest[:, 0], kind="stable")
        used, starts, sizes = np.unique(nearest[order, 0], return_index=True, return_counts=True)
        votes = np.add.reduceat(bits[order], starts, axis=0, dtype=np.int64)
        moved = centres.copy()  # a centre without items stays where it is
        moved[used] = np.packbits(2 * votes > sizes[:, None], axis=1)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _flat(codes: Octets) -> Any:
    flat = faiss().IndexBinaryFlat(8 * codes.shape[1])
    flat.query_batch_size = _AT_ONCE
    flat.add(codes)
    return flat
