"""How sure a drop is: an interval for paired differences, a correction for several rules, and the queries it takes.

Pure functions of numbers, in closed form: the gate starts without numpy, and resampling 200 cells would take seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()
_FEWEST = 10  #: queries; fewer say too little about the shape of the differences
_POWER = 0.8  #: chance to decide, of the numbers of queries and drops that are named
_MARGIN = 0.05  #: added to it when a number of queries is named, since the spread is an estimate too
_EQUAL = 1e-9  #: numbers that differ by less are equal
_DIGITS = 2  #: a number of queries is rounded up to as many


@dataclass(frozen=True, kw_only=True)
class Drops:
    """Paired drops of one cell, before they are judged.

    Attributes:
        mean: how far the metric fell, on average over the queries.
        error: standard error of the mean.
        skewness: of the drops.
        queries: number of queries.
    """

    mean: float
    error: float
    skewness: float
    queries: int

    @classmethod
    def of(cls, drops: Sequence[float]) -> "Drops":
        """The moments of drops.

        Args:
            drops: one per query; at least one.

        >>> Drops.of([0.1, 0.3]).mean
        0.2
        """
        n = len(drops)
        mean = math.fsum(drops) / n
        gaps = [drop - mean for drop in drops]
        squares = math.fsum(gap * gap for gap in gaps)
        if n < 2 or squares <= n * _EQUAL**2:  # equal drops, up to the last bits of their mean
            return cls(mean=mean, error=0.0, skewness=0.0, queries=n)
        skewness = math.fsum(gap**3 for gap in gaps) / n / (squares / n) ** 1.5
        return cls(mean=mean, error=math.sqrt(squares / (n - 1) / n), skewness=skewness, queries=n)

    @property
    def enough(self) -> bool:
        """Whether there are enough queries to judge by. If no query changed at all, any number is."""
        return self.queries >= _FEWEST or (self.error == 0 and self.mean == 0)

    def equals(self, tolerance: float) -> bool:
        """Whether every query dropped by exactly the tolerance."""
        return self.enough and self.error == 0 and abs(self.mean - tolerance) < _EQUAL

    def surprise(self, tolerance: float) -> float:
        """How many standard deviations the drop is above the tolerance, on the scale of a normal distribution.

        Student's statistic with Hall's correction for skewness (Annals of Statistics 20, 1992, eq. 2.3), which makes
        it monotone and free of the term of order ``1 / sqrt(n)``, brought to the normal scale with Wallace's formula.
        """
        gap = self.mean - tolerance
        if not self.enough or abs(gap) < _EQUAL:
            return 0.0
        if self.error == 0:
            return math.copysign(self._certainty(tolerance), gap)
        student, bend = gap / self.error, self._bend
        if bend:
            student = ((1 + bend * student) ** 3 - 1) / (3 * bend) + bend / 2
        return _to_normal(student, self.queries - 1)

    def bound(self, score: float) -> float:
        """The drop whose :meth:`surprise` is this score: an end of an interval.

        Args:
            score: normal quantile; positive for a lower end, negative for an upper one.
        """
        if not self.enough:
            return math.copysign(1.0, -score)
        if self.error == 0:
            unseen = 0.0 if self.mean == 0 else 1 - tail(abs(score)) ** (1 / self.queries)
            return self.mean - unseen * (self.mean + 1) if score > 0 else self.mean + unseen * (1 - self.mean)
        student, bend = _to_student(score, self.queries - 1), self._bend
        if bend:
            student = (math.cbrt(1 + 3 * bend * (student - bend / 2)) - 1) / bend
        return min(1.0, max(-1.0, self.mean - student * self.error))

    def _certainty(self, tolerance: float) -> float:
        """As :meth:`surprise`, where all queries dropped alike: the others may be unlike them, but are not many.

        If a share of all queries were at the far end of the scale and brought the mean to the tolerance, none of them
        would be among those drawn with a probability of ``(1 - share) ** queries``.
        """
        if self.mean == 0:
            return math.inf  # no query changed at all: it is the same model
        far = -1.0 if self.mean > tolerance else 1.0
        share = (self.mean - tolerance) / (self.mean - far)
        chance = math.exp(self.queries * math.log1p(-share)) if share < 1 else 0.0
        return quantile(chance) if chance > 1e-300 else math.inf

    @property
    def _bend(self) -> float:
        bend = self.skewness / (3 * math.sqrt(self.queries))
        return bend if abs(bend) > 1e-6 else 0.0


def quantile(level: float) -> float:
    """The normal quantile of a one-sided level: 1.96 for 0.025."""
    return -_NORMAL.inv_cdf(level)


def tail(score: float) -> float:
    """The one-sided probability of a normal score: 0.025 for 1.96."""
    return 0.5 * math.erfc(score / math.sqrt(2))


def holm(scores: Sequence[float], level: float) -> float:
    """Which score a drop must exceed to be too large, when several are judged at once.

    Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979): the chance that any of the drops within
    their tolerance is called too large is at most the level, whatever the dependence between them.

    Args:
        scores: :meth:`Drops.surprise` of each.
        level: one-sided, of all together.

    Returns:
        The same threshold for all: exactly those that Holm rejects exceed it.

    >>> round(holm([5.0, 0.1], 0.025), 2)
    1.96
    """
    ordered = sorted(scores, reverse=True)
    for place, score in enumerate(ordered):
        threshold = quantile(level / (len(ordered) - place))
        if not score > threshold:
            return threshold
    return quantile(level)


def queries_to_decide(drops: Drops, tolerance: float, *, failing: float, passing: float) -> int | None:
    """How many queries, drawn anew, would decide with a chance of 80 %.

    The true gap between drop and tolerance is not known: given the observed one, it is normal around it with its
    standard error (a flat prior). A number that took the observed gap for the true one would be too small.

    Args:
        drops: that decided nothing.
        tolerance: the largest drop that is allowed.
        failing: score above which a drop is too large.
        passing: score above which a drop is within the tolerance.

    Returns:
        The number, rounded up to two digits; None if the spread of the drops is not known.
    """
    if drops.error == 0 or drops.queries < 2:
        return None
    gap = drops.surprise(tolerance)

    def chance(ratio: float) -> float:
        # Queries that include those of now know less that is new than others, and vary less: the worse of the two.
        spreads = (math.sqrt(1 + 1 / ratio), math.sqrt(max(1 - 1 / ratio, 1e-12)))
        need_fail, need_pass = failing / math.sqrt(ratio), passing / math.sqrt(ratio)
        return min(tail((need_fail - gap) / one) + tail((need_pass + gap) / one) for one in spreads)

    low, high = 1.0, 2.0
    while chance(high) < _POWER + _MARGIN:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= _POWER + _MARGIN else (middle, high)
    return max(_rounded_up(high * drops.queries), _FEWEST)


def detectable(drops: Drops, tolerance: float, *, failing: float) -> float | None:
    """The smallest drop that as many queries would call too large with a chance of 80 %.

    Args:
        drops: of which the spread is taken.
        tolerance: the largest drop that is allowed.
        failing: score above which a drop is too large.
    """
    if not drops.enough or drops.error == 0:
        return None
    return tolerance + (failing + _NORMAL.inv_cdf(_POWER)) * drops.error


def _rounded_up(number: float) -> int:
    unit: int = 10 ** max(0, math.floor(math.log10(number)) + 1 - _DIGITS)
    return math.ceil(number / unit - 1e-9) * unit


def _to_normal(student: float, freedom: int) -> float:
    """The normal score with the tail probability of a Student score (Wallace, Ann. Math. Stat. 30, 1959, section 4)."""
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    return math.copysign(scale * math.sqrt(freedom * math.log1p(student * student / freedom)), student)


def _to_student(score: float, freedom: int) -> float:
    """The inverse of :func:`_to_normal`."""
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    return math.copysign(math.sqrt(freedom * math.expm1((score / scale) ** 2 / freedom)), score)
