"""What curves consist of: panels of comparable series of points."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from robusthash.epsilon import format_epsilon
from robusthash.results.comparing.comparable import Comparable
from robusthash.results.records.outcome import Flag
from robusthash.specs import Goal

if TYPE_CHECKING:
    from rich.console import RenderableType

HAMMING = "hamming"  #: what is shown over the iterations


class Over(StrEnum):
    """What differs along a series."""

    EPSILON = "epsilon"
    EFFORT = "effort"  #: the option that says how long the attack runs: ``steps``, ``queries`` ...
    BITS = "bits"  #: the code length; every point is another victim
    ITERATION = "iteration"  #: within one run of an attack


@dataclass(frozen=True, kw_only=True)
class Common(Comparable):
    """What the points of one panel have in common, and without which they would not be comparable.

    Its metric is ``map``, ``t-map`` ...; ``hamming`` over iterations.

    Attributes:
        goal: of the attacks.
        epsilon: radius of the L-infinity ball; None over epsilon.
        effort: the attacks' option that differs, over effort; else None.
    """

    goal: Goal
    epsilon: float | None
    effort: str | None

    @property
    def text(self) -> str:
        """All of it in one line."""
        threat = [] if self.epsilon is None else [f"Linf {format_epsilon(self.epsilon)}"]
        return self.title(self.goal, *threat)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of a series.

    Attributes:
        x: where it stands.
        label: the same as people write it.
        value: mean over the queries.
        low: lower end of its 95 % interval; None if there is none.
        high: upper end.
        flags: soundness checks that failed, of the record and beside the others; none over iterations, where they
            are about the last point alone.
        record: digest of the record it comes from.
    """

    x: float
    label: str
    value: float
    low: float | None
    high: float | None
    flags: tuple[Flag, ...]
    record: str


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that differ in x alone.

    Attributes:
        victim: as named in this panel; without its code length over bits.
        attack: as named in this panel, with what it was crafted on if that is not the victim.
        reference: whether it is noise or its like, which every attack is read against.
        points: by rising x, at least two.
    """

    victim: str
    attack: str
    reference: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Series that may be compared.

    Attributes:
        common: what their points have in common.
        series: victim after victim, references first.
        superseded: older records of shown points, and not shown.
    """

    common: Common
    series: tuple[Series, ...]
    superseded: int


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Panels, of which no two are comparable. Shown as tables by rich, in a notebook, and by ``print``.

    Attributes:
        over: what differs along each series.
        panels: none is empty.
    """

    over: Over
    panels: tuple[Panel, ...]

    def __rich__(self) -> "RenderableType":
        from robusthash.results.curves.terminal import render_curves  # which shows what is made here

        return render_curves(self)

    def __str__(self) -> str:
        from robusthash.results.rendering.terminal import as_text

        return as_text(self.__rich__())

    def _repr_html_(self) -> str:
        from robusthash.results.curves.files import curves_to_html

        return curves_to_html(self)
