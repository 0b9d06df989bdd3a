"""What every ranking metric is a function of: items and relevant items at each successive distance from a query."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from robusthash.errors import ContractError

Counts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedCounts:
    """The database in the order of its distance to each query, up to ties: one row a query, one bucket a distance.

    The items of a bucket are tied. Their distance itself decides nothing here, so that a bucket need not be the same
    distance for all queries, and empty ones may stand anywhere. Neighbouring buckets that are relevant throughout, or
    not at all, may be one: the order among their items decides nothing either.

    Attributes:
        items: (queries, buckets) int64, items in each bucket, nearest first.
        relevant: (queries, buckets) int64, the relevant ones among them.
    """

    items: Counts
    relevant: Counts

    def __post_init__(self) -> None:
        if self.items.ndim != 2 or self.items.shape != self.relevant.shape:
            raise ContractError(
                f"counts have shapes {self.items.shape} and {self.relevant.shape}",
                hint="give (queries, buckets) items, and as many relevant ones",
            )

    @cached_property
    def before(self) -> Counts:
        """(queries, buckets) items in nearer buckets."""
        return np.asarray(np.cumsum(self.items, axis=1) - self.items)

    @cached_property
    def hits_before(self) -> Counts:
        """(queries, buckets) relevant items in nearer buckets."""
        return np.asarray(np.cumsum(self.relevant, axis=1) - self.relevant)

    @property
    def n_items(self) -> Counts:
        """(queries,) size of the database."""
        return np.asarray(self.items.sum(1))

    @property
    def n_relevant(self) -> Counts:
        """(queries,) relevant items of each query."""
        return np.asarray(self.relevant.sum(1))


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredCounts(RankedCounts, ABC):
    """Counts that know how far the nearest items are, so that a retriever's answer can be checked against them."""

    @abstractmethod
    def nearest_distances(self, k: int) -> Numbers:
        """The k smallest distances of each query, ascending: (queries, k), in the form of :meth:`comparable`.

        Args:
            k: at most the number of items whose distances were kept.
        """

    @abstractmethod
    def comparable(self, distances: npt.NDArray[np.generic]) -> Numbers:
        """A retriever's distances in a form where right ones differ from the true ones by :attr:`slack` at most."""

    @property
    @abstractmethod
    def slack(self) -> Numbers:
        """(queries, 1), how far a right answer may be off."""
