"""The results of an evaluation: metrics, cost, and failed soundness checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from robusthash.results.records.stages import Against


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number of a table, with 95 % interval and tie band if it has them.

    Attributes:
        value: the mean of a metric over the queries, in expectation over ties.
        low: lower end of its 95 % bootstrap interval over the queries.
        high: upper end.
        worst: the mean under the worst order of ties.
        best: the mean under the best order of ties.
    """

    value: float
    low: float | None = None
    high: float | None = None
    worst: float | None = None
    best: float | None = None


@dataclass(frozen=True, kw_only=True)
class Measure(Score):
    """The mean of a metric over the queries: a score that has all of its parts."""

    low: float = field()
    high: float = field()
    worst: float = field()
    best: float = field()


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A failed soundness check.

    Attributes:
        id: ``RH001`` ..., stable.
        message: the finding, in one line.
    """

    id: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The cost of an attack's learning, before its first query. Passes are reproducible, times are not.

    Attributes:
        forward: forward passes of single inputs.
        backward: backward passes of single inputs.
        seconds: wall time.
    """

    forward: int = 0
    backward: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            forward=self.forward + other.forward,
            backward=self.backward + other.backward,
            seconds=self.seconds + other.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of an attack on all queries. Passes are reproducible, times are not.

    Attributes:
        forward: forward passes of single inputs.
        backward: backward passes of single inputs.
        queries: inputs sent to the victim's service.
        seconds: wall time.
        learning: cost of what the attack learned before; None if it learns nothing.
    """

    forward: int = 0
    backward: int = 0
    queries: int = 0
    seconds: float = 0.0
    learning: Spent | None = None

    def __add__(self, other: "Cost") -> "Cost":
        learning = [one for one in (self.learning, other.learning) if one is not None]
        return Cost(
            forward=self.forward + other.forward,
            backward=self.backward + other.backward,
            queries=self.queries + other.queries,
            seconds=self.seconds + other.seconds,
            learning=sum(learning[1:], start=learning[0]) if learning else None,
        )


#: By labels, then by metric.
Measures = Mapping[Against, Mapping[str, Measure]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The results of an evaluation.

    Attributes:
        metrics: by stage (:mod:`robusthash.results.records.stages`). Targeted attacks are also scored against the
            target labels.
        search: by stage, ``recall@k`` (share of the k places whose item is no farther than the true k-th) and
            ``precision@k`` (share of the retriever's neighbours that is relevant); ``returned@k`` (share of the places
            that have an item) where the retriever may return fewer; ``recall`` and ``returned`` of as many places as
            the headline takes, where it is of returned lists.
        floors: reference values of ``map`` on this database: ``random`` codes and the ``worst`` possible; against
            target labels, ``random`` codes and the ``anchor`` codes themselves.
        imagery: mean over the queries of ``psnr`` (dB), ``ssim``, ``linf``, ``l2`` (pixel space), ``clipped`` (share of
            elements), ``hamming`` (bits between clean and adversarial code), ``tags`` (edits, if they count).
        cost: of the attack.
        flags: failed soundness checks.
        probe: findings about the victim's gradients (:mod:`robusthash.adversary.probe`).
    """

    metrics: Mapping[str, Measures] = field(default_factory=dict)
    search: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    floors: Mapping[Against, Mapping[str, float]] = field(default_factory=dict)
    imagery: Mapping[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    flags: tuple[Flag, ...] = ()
    probe: Mapping[str, float] = field(default_factory=dict)
