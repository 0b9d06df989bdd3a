"""Curves as data: panels of comparable series of points."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from robusthash.epsilon import Radius
from robusthash.results.comparing.comparable import Comparable
from robusthash.results.records.outcome import Flag
from robusthash.specs import Goal

if TYPE_CHECKING:
    from rich.console import RenderableType

HAMMING = "hamming"  #: the metric shown over iterations


class Over(StrEnum):
    """The x of a curve."""

    EPSILON = "epsilon"
    EFFORT = "effort"  #: the option that sets how long the attack runs: ``steps``, ``queries`` ...
    BITS = "bits"  #: the code length; every point is a model of its own
    ITERATION = "iteration"  #: the steps within one run of an attack
    JPEG = "jpeg"  #: the quality at which attacked, and clean, queries were compressed


@dataclass(frozen=True, kw_only=True)
class Common(Comparable):
    """What the points of a panel have in common.

    The metric is ``map``, ``t-map`` ..., or ``hamming`` over iterations.

    Attributes:
        goal: of the attacks.
        epsilon: radius, in the norm; None over epsilon.
        effort: name of the option on the x axis, over effort; else None.
    """

    goal: Goal
    epsilon: float | None
    effort: str | None

    @property
    def text(self) -> str:
        """A title in one line."""
        threat = [] if self.epsilon is None else [str(Radius(size=self.epsilon, norm=self.norm))]
        return self.title(self.goal, *threat)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point.

    Attributes:
        x: its place on the x axis.
        label: x as text.
        value: mean over the queries.
        low: lower end of the 95 % interval; None if there is none.
        high: upper end.
        flags: failed soundness checks, including those between records; none over iterations, where they concern only
            the last point.
        record: digest of the record.
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
    """Points that differ only in x.

    Attributes:
        victim: name of the victim, unique in the panel; without the code length over bits.
        attack: name of the attack, unique in the panel.
        reference: whether the attack is a reference, such as noise, or there is none.
        stage: of the queries: as delivered, or after JPEG; over JPEG, attacked or clean.
        points: by ascending x, at least two.
    """

    victim: str
    attack: str
    reference: bool
    stage: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Comparable series.

    Attributes:
        common: what their points have in common.
        series: by victim, references first.
        superseded: number of older records of the same points, which are not shown.
    """

    common: Common
    series: tuple[Series, ...]
    superseded: int


@dataclass(frozen=True, kw_only=True, repr=False)
class Curves:
    """Panels that are not comparable with each other. Rich, notebooks and ``print`` show them as tables.

    Attributes:
        over: the x axis.
        panels: each has at least one series.
    """

    over: Over
    panels: tuple[Panel, ...]

    def __rich__(self) -> "RenderableType":
        from robusthash.results.curves.terminal import render_curves  # it imports this module

        return render_curves(self)

    def __str__(self) -> str:
        from robusthash.results.rendering.terminal import as_text

        return as_text(self.__rich__())

    def __repr__(self) -> str:
        return str(self)  # at a prompt: the tables

    def _repr_html_(self) -> str:
        from robusthash.results.curves.files import curves_to_html

        return curves_to_html(self)
