"""Ranking metrics as named, versioned objects: a number is never printed without the protocol that made it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from robusthash.contracts import Distance, Space
from robusthash.errors import OptionError, UsageError
from robusthash.metrics.counting.counts import RankedCounts
from robusthash.metrics.counting.histograms import DistanceHistograms
from robusthash.metrics.ranking import (
    Denominator,
    average_precision,
    average_precision_of_first_relevant,
    average_precision_of_hits,
    precision_at,
    precision_within,
)
from robusthash.metrics.scores import Scores


class RankingMetric(ABC):
    """A function from ranked counts to one value a query, higher for a better ranking.

    Subclasses are frozen dataclasses of their options.
    """

    version: ClassVar[int] = 1  #: raised whenever the same options give other numbers
    ties: ClassVar[str] = "tie-expected"  #: what is done about tied distances
    distances: ClassVar[frozenset[Distance]] = frozenset(Distance)  #: that it is defined for: all, for a ranking alone

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name that carries the options: ``map@5000``."""

    @property
    @final
    def protocol(self) -> str:
        """Exact definition, for the record: ``map@5000/tie-expected/v1``. Equal ids mean comparable numbers."""
        return f"{self.name}/{self.ties}/v{self.version}"

    @property
    def places(self) -> int | None:
        """How many of the first places decide the value; None if it takes the whole database.

        Such a metric can also be computed of a list that an index returns.
        """
        return None

    @abstractmethod
    def per_query(self, counts: RankedCounts) -> Scores:
        """The value of each query, with its band over the orders of ties, and its weight in the mean."""

    @final
    def problem(self, space: Space) -> str | None:
        """Why the metric does not exist in a space; None if it does."""
        if space.distance in self.distances:
            return None
        return f"{self.name} is defined by {' or '.join(sorted(self.distances))} distance, not by {space.distance}"

    @final
    def mean(self, counts: RankedCounts) -> float:
        """Mean over the queries that the protocol counts, ties in expectation."""
        return self.per_query(counts).mean()


@dataclass(frozen=True, kw_only=True)
class MeanAveragePrecision(RankingMetric):
    """MAP of the first k places; queries without relevant items count as 0.

    With ``denominator=relevant`` it is trec_eval's ``map_cut`` and is named ``trec``.
    """

    k: int | None = None  #: places; none is the whole database
    denominator: Denominator = Denominator.ATTAINABLE  #: what the sum of precisions is divided by

    def __post_init__(self) -> None:
        _check_positive("k", self.k)

    @property
    def name(self) -> str:
        """``map``, ``map@k`` or ``trec@k``."""
        return _at("trec" if self.denominator is Denominator.RELEVANT else "map", self.k)

    @property
    def places(self) -> int | None:  # noqa: D102 - as in the base class
        return self.k

    def per_query(self, counts: RankedCounts) -> Scores:
        """Average precision of each query."""
        return average_precision(counts, self.k, self.denominator)


@dataclass(frozen=True, kw_only=True)
class HitsMeanAveragePrecision(RankingMetric):
    """MAP over the relevant items found within the first k places, as most public code of the field computes it.

    ``CalcTopMap`` of ProS-GAN, CgAT and DeepHash counts a query without hits as 0 (``prosgan``); DHTA and HashNet
    leave it out of the mean (``dhta``), which flatters a system whose queries fail. One more relevant item within the
    places can lower either.
    """

    k: int | None = None  #: places; none is the whole database
    exclude_zero_hits: bool = False  #: leave queries without hits out of the mean, as DHTA does

    def __post_init__(self) -> None:
        _check_positive("k", self.k)

    @property
    def name(self) -> str:
        """``prosgan@k`` or ``dhta@k``."""
        return _at("dhta" if self.exclude_zero_hits else "prosgan", self.k)

    @property
    def places(self) -> int | None:  # noqa: D102 - as in the base class
        return self.k

    def per_query(self, counts: RankedCounts) -> Scores:
        """Average precision of each query over its hits."""
        return average_precision_of_hits(counts, self.k, exclude_zero_hits=self.exclude_zero_hits)


@dataclass(frozen=True, kw_only=True)
class FirstRelevantMeanAveragePrecision(RankingMetric):
    """MAP over the first ``min(m, R)`` relevant items wherever they rank: ``CalcMap(k)`` of DCMH, FPAD and EQB2A."""

    m: int = 50  #: relevant items to count

    def __post_init__(self) -> None:
        _check_positive("m", self.m)

    @property
    def name(self) -> str:
        """``fpad@m``."""
        return _at("fpad", self.m)

    def per_query(self, counts: RankedCounts) -> Scores:
        """Average precision of each query over its first relevant items."""
        return average_precision_of_first_relevant(counts, self.m)


@dataclass(frozen=True, kw_only=True)
class TopPrecision(RankingMetric):
    """Mean precision of the first k places."""

    k: int = 100  #: places

    def __post_init__(self) -> None:
        _check_positive("k", self.k)

    @property
    def name(self) -> str:
        """``precision@k``."""
        return _at("precision", self.k)

    @property
    def places(self) -> int:  # noqa: D102 - as in the base class
        return self.k

    def per_query(self, counts: RankedCounts) -> Scores:
        """Precision of each query."""
        return precision_at(counts, self.k)


@dataclass(frozen=True, kw_only=True)
class BallPrecision(RankingMetric):
    """Mean precision within a Hamming ball; an empty ball counts as 0."""

    ties: ClassVar[str] = "tie-free"
    distances: ClassVar[frozenset[Distance]] = frozenset({Distance.HAMMING})

    radius: int = 2  #: largest distance inside the ball

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise OptionError(f"radius is {self.radius}", hint="give 0 or more")

    @property
    def name(self) -> str:
        """``precision@r2``."""
        return f"precision@r{self.radius}"

    def per_query(self, counts: RankedCounts) -> Scores:
        """Precision of each query."""
        if not isinstance(counts, DistanceHistograms):
            raise UsageError(
                f"{self.name} needs Hamming distances", hint="ranked counts of descriptors have no radius in bits"
            )
        return precision_within(counts, self.radius)


def _at(name: str, k: int | None) -> str:
    return name if k is None else f"{name}@{k}"


def _check_positive(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise OptionError(f"{name} is {value}", hint=f"give 1 or more; -1 does not mean all: leave {name} out")
