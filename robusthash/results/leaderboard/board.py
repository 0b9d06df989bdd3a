"""What a leaderboard consists of: sections of comparable rows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from robusthash.results.comparing.comparable import Comparable
from robusthash.results.records.outcome import Flag
from robusthash.results.records.parts import Access
from robusthash.specs import Goal

if TYPE_CHECKING:
    from rich.console import RenderableType


class RowKind(StrEnum):
    """What a row of the leaderboard is."""

    CLEAN = "clean"
    REFERENCE = "reference"  #: an attack that seeks nothing, such as noise: shown beside the others, and not ranked
    UNBOUNDED = "unbounded"  #: an alteration that is not held to epsilon: shown, and not ranked
    ATTACK = "attack"
    FLOOR = "floor"


@dataclass(frozen=True, kw_only=True)
class Heading(Comparable):
    """What the rows of one section have in common, and without which they would not be comparable.

    Attributes:
        epsilon: radius of the L-infinity ball.
        threat: the same for people: ``Linf 8/255``.
    """

    epsilon: float
    threat: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number with its 95 % interval and its tie band, where it has them.

    Attributes:
        value: the mean over the queries.
        low: lower end of the interval.
        high: upper end.
        worst: under the worst order of ties.
        best: under the best order of ties.
    """

    value: float
    low: float | None = None
    high: float | None = None
    worst: float | None = None
    best: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line.

    Attributes:
        kind: what it is.
        model: the victim, as named in this section.
        label: the attack, as named in this section; else what the numbers are of.
        goal: of an attack; None for clean queries and floors.
        access: what the attack knew of the victim; None for clean queries and floors.
        surrogate: the model that it was crafted on, as named in this section; None for the victim itself.
        rank: strength among the victim's attacks of this goal and access, 1 is the strongest; None where nothing is
            ranked: clean queries, floors, references, and what is not held to epsilon.
        clean: the metric of the clean queries.
        score: the metric of these queries.
        target: the same with respect to the target labels; None if there are none.
        psnr: mean over the queries, in dB.
        seconds: of the attack, for each query.
        queries: images that the victim's service was asked about, for each query; None without such queries.
        flags: soundness checks that failed, of the record and beside the other records.
        record: digest of the record it comes from.
    """

    kind: RowKind
    model: str
    label: str
    goal: Goal | None = None
    access: Access | None = None
    surrogate: str | None = None
    rank: int | None = None
    clean: float | None = None
    score: Score | None = None
    target: Score | None = None
    psnr: float | None = None
    seconds: float | None = None
    queries: float | None = None
    flags: tuple[Flag, ...] = ()
    record: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A victim's place among the victims of a section, by white-box attacks.

    Attributes:
        goal: of the attacks that count here.
        rank: 1 is the most robust; None if it lacks an attack that is needed for a place.
        model: the victim, as named in this section.
        clean: the metric of its clean queries.
        worst: its score under the strongest of the attacks that all ranked victims have; None without a rank. Relevance
            to the target labels for targeted attacks.
        attack: the strongest attack; None without a rank.
        lacks: what it was not attacked with, and must be for a place: the yardstick where another victim has it, else
            every attack that another victim has.
    """

    goal: Goal
    rank: int | None
    model: str
    clean: float
    worst: Score | None
    attack: str | None
    lacks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How one attack carries over from model to model.

    Attributes:
        attack: its name in this section, without a surrogate.
        goal: of the attack.
        surrogates: what it was crafted on, one a row.
        victims: what it was tried on, one a column.
        clean: the metric of each victim's clean queries; relevance to the target labels for a targeted attack.
        after: the same after the attack, row by row; None where it was not run. Where surrogate and victim are the same
            model, the white-box attack.
    """

    attack: str
    goal: Goal
    surrogates: tuple[str, ...]
    victims: tuple[str, ...]
    clean: tuple[float, ...]
    after: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that may be compared.

    Attributes:
        setting: what they have in common.
        standings: the victims, most robust first, goal after goal; empty with a single victim.
        transfers: attack after attack, those that were crafted on another model than the victim.
        rows: victim after victim: clean, references, unbounded, attacks by access, goal and strength, floors.
        superseded: older records of cells that were evaluated again, and are not shown.
    """

    setting: Heading
    standings: tuple[Standing, ...]
    transfers: tuple[Transfer, ...]
    rows: tuple[Row, ...]
    superseded: int


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Sections, of which no two are comparable. Shown as tables by rich, in a notebook, and by ``print``."""

    sections: tuple[Section, ...]

    def __rich__(self) -> "RenderableType":
        from robusthash.results.leaderboard.terminal import render  # which shows what is made here

        return render(self)

    def __str__(self) -> str:
        from robusthash.results.rendering.terminal import as_text

        return as_text(self.__rich__())

    def _repr_html_(self) -> str:
        from robusthash.results.leaderboard.files import to_html

        return to_html(self)
