"""What an evaluation came to: metrics, costs, and the soundness checks that failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from robusthash.results.records.stages import Against


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A metric's mean over the queries.

    Attributes:
        value: the mean, ties in expectation.
        low: lower end of its 95 % bootstrap interval over the queries.
        high: upper end.
        worst: the same mean under the worst order of ties.
        best: the same mean under the best order of ties.
    """

    value: float
    low: float
    high: float
    worst: float
    best: float


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A soundness check that failed.

    Attributes:
        id: stable, ``RH001`` ...
        message: what was found, in one line.
    """

    id: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What an attack spent on learning, before its first query. Times are not reproducible; passes are.

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
    """What an attack spent on all queries together. Times are not reproducible; passes are.

    Attributes:
        forward: forward passes of single inputs.
        backward: backward passes of single inputs.
        queries: inputs that the victim's service was asked about.
        seconds: wall time.
        learning: what the attack spent before its first query; None if it learns nothing.
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


#: By the labels that decide what is relevant, then by metric.
Measures = Mapping[Against, Mapping[str, Measure]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation came to.

    Attributes:
        metrics: by stage (:mod:`robusthash.results.records.stages`); against target labels for targeted attacks alone.
        search: by stage, what the retriever found: ``recall@k`` (share of its k neighbours that are no farther than the
            true k-th) and ``precision@k`` (share that is relevant).
        floors: reference values of ``map`` for this database: ``random`` codes, the ``worst`` possible; against target
            labels ``random`` codes, and ``anchor``, the anchor codes themselves.
        imagery: mean over the queries of ``psnr`` (dB), ``ssim``, ``linf``, ``l2`` (pixel space), ``clipped`` (share of
            elements), ``hamming`` (bits between clean and adversarial code).
        cost: what the attack spent.
        flags: soundness checks that failed.
        probe: what a look at the victim's gradients found (:mod:`robusthash.adversary.probe`).
    """

    metrics: Mapping[str, Measures] = field(default_factory=dict)
    search: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    floors: Mapping[Against, Mapping[str, float]] = field(default_factory=dict)
    imagery: Mapping[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    flags: tuple[Flag, ...] = ()
    probe: Mapping[str, float] = field(default_factory=dict)
