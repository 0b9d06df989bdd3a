"""What a Hamming search is: packed codes go in, distances and ids come out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from robusthash.errors import ContractError, UsageError


@dataclass(frozen=True, kw_only=True)
class RetrieverCapabilities:
    """What a retriever promises.

    Attributes:
        exact: its neighbours are the true ones, and its ties go by ascending id.
        max_k: most neighbours that one search returns; ``None`` is no limit.
        radius: it answers :meth:`Retriever.within`.
        devices: where it can run: ``cpu``, ``cuda``.
    """

    exact: bool
    max_k: int | None
    radius: bool
    devices: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest items of each query, nearest first, on the CPU wherever the search ran.

    Attributes:
        distances: (n, k) int64, Hamming.
        ids: (n, k) int64, positions in the order of adding.
    """

    distances: Tensor
    ids: Tensor


@dataclass(frozen=True, kw_only=True)
class Ball:
    """All items within a radius of each query, query after query, by ascending (distance, id). On the CPU.

    Attributes:
        offsets: (n + 1,) int64; query i's items are ``offsets[i]:offsets[i + 1]``.
        distances: (total,) int64.
        ids: (total,) int64.
    """

    offsets: Tensor
    distances: Tensor
    ids: Tensor


class Retriever(ABC):
    """A Hamming search over packed codes: a frozen dataclass of options makes an :class:`Index`."""

    @property
    @abstractmethod
    def capabilities(self) -> RetrieverCapabilities:
        """What searches of the indexes built here promise."""

    @final
    def index(self, packed: Tensor, bits: int) -> "Index":
        """Builds an index over a database.

        Args:
            packed: (n, ceil(bits / 8)) uint8, as :func:`robusthash.hashing.pack` gives it; at least one item.
            bits: code length.

        Raises:
            UsageError: an empty database, or codes of another length.
        """
        if bits < 1:
            raise UsageError(f"codes of {bits} bits cannot be searched", hint="a code has at least one bit")
        _check_packed(packed, bits, "the database is")
        if not len(packed):
            raise UsageError("the database is empty", hint="index at least one code")
        return self._index(packed, bits)

    @abstractmethod
    def _index(self, packed: Tensor, bits: int) -> "Index":
        """As :meth:`index`, with arguments already checked."""


class Index(ABC):
    """A searchable database of packed codes.

    Attributes:
        bits: code length.
        size: number of items.
        capabilities: the retriever's promises.
    """

    bits: int
    size: int
    capabilities: RetrieverCapabilities

    def search(self, packed: Tensor, k: int) -> Neighbours:
        """The k nearest items of each query; ties by ascending id where the index is exact.

        Args:
            packed: (n, ceil(bits / 8)) uint8.
            k: at least 1; cut to the size of the database.

        Raises:
            UsageError: codes of another length, or k over the retriever's limit.
            ContractError: the implementation returned something else than (n, k) ids of this database.
        """
        self._check(packed)
        if k < 1:
            raise UsageError(f"k is {k}", hint="ask for at least one neighbour")
        k = min(k, self.size)
        limit = self.capabilities.max_k
        if limit is not None and k > limit:
            raise UsageError(
                f"k = {k} is over this retriever's limit of {limit}", hint="use a CPU index for long lists"
            )
        found = self._search(packed, k)
        if found.ids.shape != (len(packed), k) or found.distances.shape != found.ids.shape:
            raise ContractError(f"{type(self).__name__} returned {tuple(found.ids.shape)} ids, not {(len(packed), k)}")
        return found

    def within(self, packed: Tensor, radius: int) -> Ball:
        """All items at a distance of at most ``radius``.

        Args:
            packed: (n, ceil(bits / 8)) uint8.
            radius: in bits, at least 0.

        Raises:
            UsageError: codes of another length, a negative radius, or a retriever without radius search.
        """
        self._check(packed)
        if radius < 0:
            raise UsageError(f"radius is {radius}", hint="a Hamming radius is at least 0")
        if not self.capabilities.radius:
            raise UsageError(
                f"{type(self).__name__} has no radius search", hint="use a CPU index or the torch retriever"
            )
        return self._within(packed, radius)

    @abstractmethod
    def _search(self, packed: Tensor, k: int) -> Neighbours:
        """As :meth:`search`, with arguments already checked and 1 <= k <= size."""

    def _within(self, packed: Tensor, radius: int) -> Ball:
        """As :meth:`within`, with arguments already checked; for indexes whose capabilities have ``radius``."""
        raise ContractError(f"{type(self).__name__} claims a radius search for {radius} bits of {len(packed)} queries")

    def _check(self, packed: Tensor) -> None:
        _check_packed(packed, self.bits, "the queries are")


def _check_packed(packed: Tensor, bits: int, what: str) -> None:
    width = -(-bits // 8)
    hint = f"pass (n, {width}) uint8, packed by robusthash.hashing.pack"
    if packed.dtype != torch.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        raise UsageError(f"{what} {tuple(packed.shape)} {packed.dtype}, not packed codes of {bits} bits", hint=hint)
    padding = (1 << -bits % 8) - 1
    if padding and bool((packed[:, -1] & padding).any()):
        raise UsageError(f"{what} codes with set bits after bit {bits}, which would count as distance", hint=hint)
