"""What a search is: representations of one space go in, distances and ids come out."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self, final

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts.space import Space
from robusthash.errors import ContractError, UsageError
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class RetrieverCapabilities:
    """What a retriever promises.

    Attributes:
        exact: its neighbours are the true ones, and its ties go by ascending id. Distances of descriptors are right up
            to what float32 arithmetic may be off.
        max_k: most neighbours that one search returns; ``None`` is no limit.
        radius: it answers :meth:`Index.within`.
        distances: of the spaces that it serves.
    """

    exact: bool
    max_k: int | None
    radius: bool
    distances: frozenset[Distance] = frozenset({Distance.HAMMING})


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest items of each query, nearest first, on the CPU wherever the search ran.

    Attributes:
        distances: (n, k); int64 in Hamming space, else float32.
        ids: (n, k) int64, positions in the database.
    """

    distances: Tensor
    ids: Tensor


@dataclass(frozen=True, kw_only=True)
class Ball:
    """All items within a radius of each query, query after query, by ascending (distance, id). On the CPU.

    Attributes:
        offsets: (n + 1,) int64; query i's items are ``offsets[i]:offsets[i + 1]``.
        distances: (total,); int64 in Hamming space, else float32.
        ids: (total,) int64.
    """

    offsets: Tensor
    distances: Tensor
    ids: Tensor


class Retriever(ABC):
    """A search over representations of items: a frozen dataclass of options makes an :class:`Index`."""

    @property
    @abstractmethod
    def capabilities(self) -> RetrieverCapabilities:
        """What searches of the indexes built here promise."""

    @final
    def index(self, items: Tensor, space: Space) -> "Index":
        """Builds an index over a database.

        Args:
            items: a representation of the space, at least one item: (n, ceil(bits / 8)) uint8 packed codes, or
                (n, size) float32 descriptors.
            space: what the items are compared in.

        Raises:
            UsageError: a space that is not served, an empty database, or items of another space.
        """
        served = self.capabilities.distances
        if space.distance not in served:
            raise UsageError(
                f"{type(self).__name__} does not search by {space.distance} distance",
                hint=f"it serves {', '.join(sorted(served))}; torch serves all",
            )
        _check(items, space, "the database is")
        if not len(items):
            raise UsageError("the database is empty", hint="index at least one item")
        return self._index(items, space, _key(items, space))

    @abstractmethod
    def _index(self, items: Tensor, space: Space, key: str) -> "Index":
        """As :meth:`index`, with arguments already checked.

        Args:
            items: the database.
            space: what its items are compared in.
            key: SHA-256 of the items and the space: the same database has the same key, so that an index which is
                kept on a server or in a file can be found again.
        """


class Index(ABC):
    """A searchable database. It is closed when its run ends; ``with`` closes it too.

    Args:
        items: the database; what of it is kept is the subclass's own affair.
        space: what the items are compared in.
        key: SHA-256 of items and space, as :meth:`Retriever._index` is given it.
        capabilities: the retriever's promises.

    Attributes:
        size: number of items.
        closed: whether searches are refused.
    """

    def __init__(self, items: Tensor, space: Space, key: str, capabilities: RetrieverCapabilities) -> None:
        self.size = len(items)
        self.space = space
        self.key = key
        self.capabilities = capabilities
        self.closed = False

    @final
    def search(self, queries: Tensor, k: int) -> Neighbours:
        """The k nearest items of each query; ties by ascending id where the index is exact.

        Args:
            queries: a representation of the index's space.
            k: at least 1; cut to the size of the database.

        Raises:
            UsageError: the index is closed, the queries are of another space, or k is over the retriever's limit.
            ContractError: the implementation returned something else than (n, k) ids of this database.
        """
        self._ready(queries)
        if k < 1:
            raise UsageError(f"k is {k}", hint="ask for at least one neighbour")
        k = min(k, self.size)
        limit = self.capabilities.max_k
        if limit is not None and k > limit:
            raise UsageError(
                f"k = {k} is over this retriever's limit of {limit}", hint="use a CPU index for long lists"
            )
        found = self._search(queries, k)
        shape, wanted = (len(queries), k), torch.int64 if self.space.binary else torch.float32
        if found.ids.shape != shape or found.distances.shape != shape:
            raise ContractError(f"{type(self).__name__} returned {tuple(found.ids.shape)} ids, not {shape}")
        if found.distances.dtype != wanted or found.ids.dtype != torch.int64:
            raise ContractError(
                f"{type(self).__name__} returned {found.distances.dtype} distances and {found.ids.dtype} ids",
                hint=f"{self.space.distance} distances are {wanted}, ids are torch.int64",
            )
        return found

    @final
    def within(self, queries: Tensor, radius: float) -> Ball:
        """All items at a distance of at most ``radius``.

        Args:
            queries: a representation of the index's space.
            radius: at least 0; in bits in Hamming space.

        Raises:
            UsageError: the index is closed, the queries are of another space, a negative radius, or a retriever
                without radius search.
        """
        self._ready(queries)
        if not radius >= 0:
            raise UsageError(f"radius is {radius}", hint="a radius is at least 0")
        if not self.capabilities.radius:
            raise UsageError(
                f"{type(self).__name__} has no radius search", hint="use a CPU index or the torch retriever"
            )
        return self._within(queries, radius)

    @final
    def close(self) -> None:
        """Frees what the index holds; searches are refused from then on. A second time does nothing."""
        if not self.closed:
            self.closed = True
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _search(self, queries: Tensor, k: int) -> Neighbours:
        """As :meth:`search`, with arguments already checked and 1 <= k <= size."""

    def _within(self, queries: Tensor, radius: float) -> Ball:
        """As :meth:`within`, with arguments already checked; for indexes whose capabilities have ``radius``."""
        raise ContractError(f"{type(self).__name__} claims a search within {radius} for {len(queries)} queries")

    def _close(self) -> None:  # noqa: B027 - most indexes hold memory alone
        """Frees connections, files, and memory that is not Python's; called once."""

    def _ready(self, queries: Tensor) -> None:
        if self.closed:
            raise UsageError(
                f"this {type(self).__name__} is closed", hint="search inside the run or the with block that made it"
            )
        _check(queries, self.space, "the queries are")


def _check(items: Tensor, space: Space, what: str) -> None:
    problem = space.problem(items)
    if problem:
        raise UsageError(f"{what} {problem}", hint=f"pass {space.form}")


def _key(items: Tensor, space: Space) -> str:
    sha = hashlib.sha256(f"{space.distance} {space.size} {len(items)}\n".encode())
    sha.update(np.ascontiguousarray(items.detach().cpu().numpy()).data)
    return sha.hexdigest()
