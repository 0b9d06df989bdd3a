"""Approximate search in several hash tables, each over some of the bits (Norouzi, Punjani and Fleet, CVPR 2012)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, log2
from typing import Protocol

import numpy as np
from torch import Tensor

from robusthash.contracts import Ball, Index, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash_faiss.answers import Found, Octets, ball, octets, open_radius
from robusthash_faiss.approximate import ApproximateIndex
from robusthash_faiss.library import faiss

_MAX_BITS = 32  #: of a key: more than log2 of any database that fits into memory
_MIRRORED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(256, 8), axis=1, bitorder="little")[:, 0]


@dataclass(frozen=True, kw_only=True)
class FaissMultiHash(Retriever):
    """Cuts the codes into substrings and compares the items that share one with the query, up to some flipped bits.

    An item at distance r differs in at most ``r // hashes`` bits of one substring. So nothing is missed within a radius
    below ``hashes * (flips + 1)``, and that much of a list of neighbours is exact.

    A query for which fewer than k items are found is searched with one more flip, until k are found or there are more
    buckets to open than items to scan; then the database is scanned.
    """

    hashes: int | None = None  #: tables m; None is the code's length by that of a key, or by log2 of the size
    bits_per_hash: int | None = None  #: length of a key; None is the code's length by the tables, at most 32
    flips: int = 1  #: most bits of a key that may differ

    def __post_init__(self) -> None:
        if self.hashes is not None and self.hashes < 1:
            raise OptionError(f"hashes is {self.hashes}", hint="at least one table; null finds a number for the size")
        if self.bits_per_hash is not None and not 1 <= self.bits_per_hash <= _MAX_BITS:
            raise OptionError(
                f"bits_per_hash is {self.bits_per_hash}", hint=f"1 to {_MAX_BITS}; null cuts the code into equal parts"
            )
        if self.flips < 0:
            raise OptionError(f"flips is {self.flips}", hint="0 opens the query's own buckets alone")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Approximate, on the CPU, any k, any radius."""
        return RetrieverCapabilities(exact=False, max_k=None, radius=True)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        bits = space.size
        room = bits // self.bits_per_hash if self.bits_per_hash else round(bits / max(1.0, log2(len(items))))
        hashes = self.hashes or max(1, room)
        length = self.bits_per_hash or min(bits // hashes, _MAX_BITS)
        if not 1 <= hashes * length <= bits:
            raise OptionError(
                f"{hashes} hashes of {length} bits do not fit into codes of {bits}",
                hint="give fewer or shorter ones, or leave one of hashes and bits_per_hash null",
            )
        codes = _low_first(items)
        tables = faiss().IndexBinaryMultiHash(8 * codes.shape[1], hashes, length)
        tables.add(codes)
        return MultiHashIndex(tables, items, space, key, self.capabilities, flips=self.flips)


class HashTables(Protocol):
    """What is used of faiss's ``IndexBinaryMultiHash``."""

    nhash: int
    b: int
    nflip: int

    def search(self, x: Octets, k: int) -> Found:
        """Distances and ids of the k nearest in the opened buckets."""
        ...

    def range_search(self, x: Octets, thresh: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, distances and ids of everything nearer than ``thresh`` in the opened buckets."""
        ...


class MultiHashIndex(ApproximateIndex):
    """Hash tables over substrings of the codes.

    Args:
        tables: faiss's ``IndexBinaryMultiHash``, filled.
        items: the database, (size, ceil(bits / 8)) uint8.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
        flips: most bits of a key that may differ.
    """

    def __init__(
        self,
        tables: HashTables,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
        *,
        flips: int,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._tables = tables
        self._flips = min(flips, tables.b)

    def _widths(self, k: int) -> Iterator[int]:  # noqa: ARG002 - any k may be in the first buckets
        yield self._flips
        for flips in range(self._flips + 1, self._tables.b + 1):
            if self._tables.nhash * sum(comb(self._tables.b, flipped) for flipped in range(flips + 1)) > self.size:
                return
            yield flips

    def _find(self, queries: Octets, k: int, width: int) -> Found:
        self._tables.nflip = width
        return self._tables.search(_MIRRORED[queries], k)

    def _within(self, queries: Tensor, radius: float) -> Ball:
        self._tables.nflip = self._flips
        return ball(*self._tables.range_search(_low_first(queries), open_radius(radius, self.space)))


def _low_first(packed: Tensor) -> Octets:
    """Codes with the bits of each byte mirrored: faiss reads keys from the low bits, where a last byte is padded."""
    mirrored: Octets = _MIRRORED[octets(packed)]
    return mirrored
