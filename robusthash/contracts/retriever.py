"""Retrievers and their indexes: queries go in, distances and ids of the nearest items come out."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self, final

import numpy as np
import torch
from torch import Tensor

from robusthash.boundary import breach, foreign, own, whose
from robusthash.contracts.space import Space
from robusthash.errors import ContractError, UsageError
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class RetrieverCapabilities:
    """What a retriever guarantees.

    Attributes:
        exact: whether its neighbours are the true ones, with ties by ascending id. Distances of descriptors are exact
            up to float32 rounding.
        max_k: largest number of neighbours of a search; None is no limit.
        radius: whether its indexes support :meth:`Index.within`.
        distances: distances that it can search by.
        complete: whether a search always returns k neighbours. An index as it is deployed may return fewer, and says so
            instead of searching again. An exact one is complete.
    """

    exact: bool
    max_k: int | None
    radius: bool
    distances: frozenset[Distance] = frozenset({Distance.HAMMING})
    complete: bool = True


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest items of each query, nearest first; always on the CPU.

    Both are -1 after the last item of a query for which fewer than k were found.

    Attributes:
        distances: (n, k); int64 in Hamming space, else float32.
        ids: (n, k) int64, positions in the database.
    """

    distances: Tensor
    ids: Tensor

    @property
    def returned(self) -> Tensor:
        """(n,) int64, the number of items that each query got."""
        return (self.ids >= 0).sum(1)


@dataclass(frozen=True, kw_only=True)
class Ball:
    """All items within a radius of each query, for one query after another, by ascending (distance, id); on the CPU.

    Attributes:
        offsets: (n + 1,) int64; query i's items are ``offsets[i]:offsets[i + 1]``.
        distances: (total,); int64 in Hamming space, else float32.
        ids: (total,) int64.
    """

    offsets: Tensor
    distances: Tensor
    ids: Tensor


class Retriever(ABC):
    """Builds an :class:`Index` over representations of items: a frozen dataclass of options."""

    @property
    @abstractmethod
    def capabilities(self) -> RetrieverCapabilities:
        """What the indexes built here guarantee."""

    @final
    def index(self, items: Tensor, space: Space) -> "Index":
        """Builds an index over a database.

        Args:
            items: at least one representation of the space: packed codes, (n, ceil(bits / 8)) uint8, or descriptors,
                (n, d) float32.
            space: where the items are compared.

        Raises:
            UsageError: the retriever does not search in this space, the database is empty, or the items are not
                representations of the space.
        """
        served = self.capabilities.distances
        if space.distance not in served:
            raise UsageError(
                f"{type(self).__name__} does not search by {space.distance} distance",
                hint=f"it searches by {', '.join(sorted(served))}; the retriever torch searches by all",
            )
        _check(items, space, "the database is")
        if not len(items):
            raise UsageError("the database is empty", hint="index at least one item")
        with foreign(self, f"index {len(items)} items"):
            index = self._index(items, space, _key(items, space))
        if not isinstance(index, Index) or getattr(index, "size", None) != len(items):
            raise breach(
                self,
                f"built a {type(index).__name__}, not an Index of {len(items)} items",
                hint="return it from `_index`, and pass the items to its base class",
            )
        own(index, whose(self))
        return index

    @abstractmethod
    def _index(self, items: Tensor, space: Space, key: str) -> "Index":
        """Builds the index; the arguments of :meth:`index` have been checked.

        Args:
            items: the database.
            space: where its items are compared.
            key: SHA-256 of items and space. Equal databases have equal keys, so an index that is kept on a server or in
                a file can be found again.
        """


class Index(ABC):
    """A searchable database. It is closed when its run ends, or at the end of a ``with`` block.

    Args:
        items: the database; a subclass keeps what it needs of it.
        space: where the items are compared.
        key: SHA-256 of items and space, as passed to :meth:`Retriever._index`.
        capabilities: what the retriever guarantees.

    Attributes:
        size: number of items.
        closed: whether the index is closed and refuses searches.
    """

    def __init__(self, items: Tensor, space: Space, key: str, capabilities: RetrieverCapabilities) -> None:
        self.size = len(items)
        self.space = space
        self.key = key
        self.capabilities = capabilities
        self.closed = False

    @final
    def search(self, queries: Tensor, k: int) -> Neighbours:
        """The k nearest items of each query; ties by ascending id if the index is exact.

        Args:
            queries: representations of the index's space.
            k: at least 1; capped at the size of the database.

        Raises:
            UsageError: the index is closed, the queries are not representations of its space, k is less than 1, or k
                exceeds the retriever's limit.
            ContractError: the implementation returned distances or ids of another shape or dtype, or fewer than k items
                although its capabilities say that it is complete.
        """
        self._ready(queries)
        if k < 1:
            raise UsageError(f"k is {k}", hint="ask for at least one neighbour")
        k = min(k, self.size)
        limit = self.capabilities.max_k
        if limit is not None and k > limit:
            raise UsageError(
                f"k = {k} exceeds this retriever's limit of {limit}",
                hint="ask for fewer neighbours, or use another retriever",
            )
        with foreign(self, f"search {k} neighbours of {len(queries)} queries"):
            found = self._search(queries, k)
        _require_tensors(self, found, Neighbours, ("distances", "ids"))
        shape, wanted = (len(queries), k), torch.int64 if self.space.binary else torch.float32
        if found.ids.shape != shape or found.distances.shape != shape:
            raise breach(
                self,
                f"returned distances {tuple(found.distances.shape)} and ids {tuple(found.ids.shape)}",
                hint=f"return {shape} of both",
            )
        if found.distances.dtype != wanted or found.ids.dtype != torch.int64:
            raise breach(
                self,
                f"returned {found.distances.dtype} distances and {found.ids.dtype} ids",
                hint=f"{self.space.distance} distances are {wanted}, ids are torch.int64",
            )
        absent = found.ids < 0
        if bool(absent.any()):
            _require_told(self, found, absent)
        return found

    @final
    def within(self, queries: Tensor, radius: float) -> Ball:
        """All items at a distance of at most ``radius`` from each query.

        Args:
            queries: representations of the index's space.
            radius: at least 0, in units of the distance: bits in Hamming space.

        Raises:
            UsageError: the index is closed, the queries are not representations of its space, the radius is negative,
                or the retriever does not support radius search.
        """
        self._ready(queries)
        if not radius >= 0:
            raise UsageError(f"radius is {radius}", hint="a radius is at least 0")
        if not self.capabilities.radius:
            raise UsageError(f"{type(self).__name__} has no radius search", hint="use another retriever, such as torch")
        with foreign(self, f"search {len(queries)} queries within {radius}"):
            found = self._within(queries, radius)
        _require_tensors(self, found, Ball, ("offsets", "distances", "ids"))
        if found.offsets.shape != (len(queries) + 1,) or found.ids.shape != found.distances.shape:
            raise breach(
                self,
                f"returned offsets {tuple(found.offsets.shape)}, distances "
                f"{tuple(found.distances.shape)} and ids {tuple(found.ids.shape)}",
                hint=f"return {len(queries) + 1} offsets, and a distance for each id",
            )
        return found

    @final
    def close(self) -> None:
        """Frees what the index holds; later searches are refused. Closing it again has no effect."""
        if not self.closed:
            self.closed = True
            with foreign(self, "be closed"):
                self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _search(self, queries: Tensor, k: int) -> Neighbours:
        """Searches; the arguments of :meth:`search` have been checked, and 1 <= k <= size."""

    def _within(self, queries: Tensor, radius: float) -> Ball:
        """Searches within a radius; the arguments have been checked. Needed if the capabilities include ``radius``."""
        raise ContractError(
            f"{whose(self)} declares radius search and does not implement it: radius {radius}, {len(queries)} queries",
            hint="implement `_within`",
        )

    def _close(self) -> None:  # noqa: B027 - most indexes hold nothing but memory
        """Frees connections, files, and memory outside Python; called once."""

    def _ready(self, queries: Tensor) -> None:
        if self.closed:
            raise UsageError(
                f"this {type(self).__name__} is closed", hint="search before its run or its `with` block ends"
            )
        _check(queries, self.space, "the queries are")


def _check(items: Tensor, space: Space, what: str) -> None:
    problem = space.problem(items)
    if problem:
        raise UsageError(f"{what} {problem}", hint=f"pass {space.form}")


def _require_tensors(index: Index, found: object, kind: type, fields: tuple[str, ...]) -> None:
    """Fails unless a search returned an object of its type with tensors on the CPU."""
    tensors = [getattr(found, name, None) for name in fields]
    if not isinstance(found, kind) or not all(isinstance(one, Tensor) and one.device.type == "cpu" for one in tensors):
        raise breach(
            index,
            f"returned a {type(found).__name__}",
            hint=f"return {kind.__name__} with tensors on the CPU: {', '.join(fields)}",
        )


def _require_told(index: Index, found: Neighbours, absent: Tensor) -> None:
    """Fails unless an index that returns fewer items than were asked for declares it, and marks them as agreed."""
    if index.capabilities.complete or index.capabilities.exact:
        short = int(absent.any(1).sum())
        raise breach(
            index,
            f"returned fewer than {absent.shape[1]} neighbours of {short} of {len(absent)} queries",
            hint="search wider, or declare complete=False in the capabilities",
        )
    marked = (found.ids == -1) & (found.distances == -1)
    if bool((absent[:, 1:] < absent[:, :-1]).any()) or not bool(marked[absent].all()):
        raise breach(
            index,
            "marked items that it did not find in another way than agreed",
            hint="after the last item that was found, set distances and ids to -1",
        )


def _key(items: Tensor, space: Space) -> str:
    sha = hashlib.sha256(f"{space.distance} {space.size} {len(items)}\n".encode())
    sha.update(np.ascontiguousarray(items.detach().cpu().numpy()).data)
    return sha.hexdigest()
