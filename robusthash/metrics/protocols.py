"""Ranking metrics as named protocols: what a stored number was computed by."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from robusthash.errors import OptionError
from robusthash.metrics.cut_ties import over_first_relevant, over_hits
from robusthash.metrics.histograms import DistanceHistograms
from robusthash.metrics.ranking import Scores, average_precision, precision_at, precision_within


@dataclass(frozen=True, kw_only=True)
class RankingMetric(ABC):
    """A ranking metric: a frozen dataclass of options. Higher is better retrieval.

    A query without any relevant item scores 0 and counts, as in the field.
    """

    version: ClassVar[int] = 1  #: raised when the definition changes, so that old and new numbers are not mixed

    @property
    def protocol(self) -> str:
        """Names the exact definition: class, version, options."""
        options = ",".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}/{self.version}({options})"

    @abstractmethod
    def per_query(self, histograms: DistanceHistograms) -> Scores:
        """The metric of each query."""


@dataclass(frozen=True, kw_only=True)
class MeanAveragePrecision(RankingMetric):
    """Mean average precision over R, the number of relevant items in the database."""

    k: int | None = None  #: places that count; none is all
    reachable: bool = False  #: divide by min(R, k) in place of R

    def __post_init__(self) -> None:
        _positive("k", self.k)

    def per_query(self, histograms: DistanceHistograms) -> Scores:  # noqa: D102 - as in the base class
        k = self.k
        if self.reachable and k is not None:
            return average_precision(histograms, k, lambda total: np.minimum(total, k))
        return average_precision(histograms, k, lambda total: total)


@dataclass(frozen=True, kw_only=True)
class HitsInTopK(RankingMetric):
    """Average precision over the relevant items found among the first k, as in the code of DeepHash and ProS-GAN.

    It is not monotone: a further relevant item low in the list lowers it. ``skip_misses`` leaves queries that find
    nothing out of the mean, as the code of HashNet and DHTA does, which flatters a defense under a strong attack.
    """

    k: int  #: places that count
    skip_misses: bool = False  #: leave queries without a hit out of the mean

    def __post_init__(self) -> None:
        _positive("k", self.k)

    def per_query(self, histograms: DistanceHistograms) -> Scores:  # noqa: D102 - as in the base class
        return over_hits(histograms, self.k, skip_misses=self.skip_misses)


@dataclass(frozen=True, kw_only=True)
class FirstRelevant(RankingMetric):
    """Mean precision at the first min(m, R) relevant items wherever they rank, as the code of DCMH and FPAD does."""

    m: int = 50  #: relevant items that count

    def __post_init__(self) -> None:
        _positive("m", self.m)

    def per_query(self, histograms: DistanceHistograms) -> Scores:  # noqa: D102 - as in the base class
        return over_first_relevant(histograms, self.m)


@dataclass(frozen=True, kw_only=True)
class PrecisionAtK(RankingMetric):
    """Share of relevant items among the first k."""

    k: int  #: places that count

    def __post_init__(self) -> None:
        _positive("k", self.k)

    def per_query(self, histograms: DistanceHistograms) -> Scores:  # noqa: D102 - as in the base class
        return precision_at(histograms, self.k)


@dataclass(frozen=True, kw_only=True)
class PrecisionWithinRadius(RankingMetric):
    """Share of relevant items among those within a Hamming radius; 0 for an empty ball."""

    radius: int = 2  #: in bits, inclusive

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise OptionError(f"radius={self.radius}", hint="at least 0")

    def per_query(self, histograms: DistanceHistograms) -> Scores:  # noqa: D102 - as in the base class
        return precision_within(histograms, self.radius)


def _positive(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise OptionError(f"{name}={value}", hint="at least 1")
