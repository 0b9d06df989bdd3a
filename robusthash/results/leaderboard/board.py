"""The leaderboard as data: sections of comparable rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from robusthash.results.comparing.comparable import Comparable
from robusthash.results.records.outcome import Flag, Score
from robusthash.results.records.parts import Access
from robusthash.specs import Goal

if TYPE_CHECKING:
    from rich.console import RenderableType


class RowKind(StrEnum):
    """What a row shows."""

    CLEAN = "clean"
    REFERENCE = "reference"  #: an attack that optimises nothing, such as noise: shown, and not ranked
    UNBOUNDED = "unbounded"  #: an attack that is not held to epsilon: shown, and not ranked
    ATTACK = "attack"
    FLOOR = "floor"


@dataclass(frozen=True, kw_only=True)
class Heading(Comparable):
    """What the rows of a section have in common.

    Attributes:
        epsilon: radius, in the norm.
        threat: norm and radius as text: ``Linf 8/255``, or ``tags 3``.
    """

    epsilon: float
    threat: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row.

    Attributes:
        kind: what it shows.
        model: name of the victim, unique in the section.
        label: name of the attack, unique in the section; else a description.
        goal: of an attack; None for clean queries and floors.
        access: what the attack knew about the victim; None for clean queries and floors.
        surrogate: name of the model that it was crafted on; None if that is the victim.
        rank: by strength among the attacks on this victim of the same goal and access, 1 is the strongest; None for
            rows that are not ranked.
        clean: the metric of the clean queries.
        score: the metric of these queries.
        target: the metric with respect to the target labels; None if there are none.
        exact: the metric of the exact ranking, where the lists that an index returns are judged.
        recall: share of as many places as the metric takes whose item is no farther than the true last one.
        returned: share of these places that have an item at all.
        jpeg: the metric that the row is judged by, by quality, once the queries were compressed as JPEG.
        psnr: mean over the queries, in dB.
        seconds: duration of the attack, per query.
        queries: inputs sent to the victim's service, per query; None if there were none.
        learning_forward: inputs passed through the surrogate before the first query; None if nothing is learnt.
        learning_backward: inputs whose gradient was taken then.
        learning_seconds: duration of the learning, once for all queries.
        flags: failed soundness checks, including those between records.
        record: digest of the record.
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
    exact: float | None = None
    recall: float | None = None
    returned: float | None = None
    jpeg: Mapping[int, Score] = field(default_factory=dict)
    psnr: float | None = None
    seconds: float | None = None
    queries: float | None = None
    learning_forward: int | None = None
    learning_backward: int | None = None
    learning_seconds: float | None = None
    flags: tuple[Flag, ...] = ()
    record: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The rank of a victim in a section, by white-box attacks.

    Attributes:
        goal: of these attacks.
        rank: from 1 for the most robust; None if the victim lacks an attack.
        model: name of the victim, unique in the section.
        clean: the metric of its clean queries.
        worst: its score under the strongest of the attacks that all ranked victims have in common, against the target
            labels if targeted; None without a rank.
        attack: the strongest attack; None without a rank.
        lacks: attacks that are missing for a rank: the yardstick if another victim has it, else every attack that
            another victim has.
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
    """The transfer matrix of an attack.

    Attributes:
        attack: its name, without a surrogate.
        goal: of the attack.
        surrogates: the models that it was crafted on, one per row.
        victims: the models that were attacked, one per column.
        clean: the metric on the clean queries of each victim, against the target labels if targeted.
        after: the metric after the attack, row by row; None if it was not run. The white-box attack if surrogate and
            victim are the same model.
    """

    attack: str
    goal: Goal
    surrogates: tuple[str, ...]
    victims: tuple[str, ...]
    clean: tuple[float, ...]
    after: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Comparable rows.

    Attributes:
        setting: what they have in common.
        standings: the victims by goal, most robust first; empty with a single victim.
        transfers: the transfer matrices.
        rows: by victim: clean, references, unbounded attacks, attacks by access, goal and strength, floors.
        superseded: number of older records of the same cells, which are not shown.
    """

    setting: Heading
    standings: tuple[Standing, ...]
    transfers: tuple[Transfer, ...]
    rows: tuple[Row, ...]
    superseded: int

    @property
    def qualities(self) -> list[int]:
        """Of JPEG, at which queries of any row were scored again, highest first."""
        return sorted({quality for row in self.rows for quality in row.jpeg}, reverse=True)


@dataclass(frozen=True, kw_only=True, repr=False)
class Leaderboard:
    """Sections that are not comparable with each other. Rich, notebooks and ``print`` show it as tables."""

    sections: tuple[Section, ...]

    def __rich__(self) -> "RenderableType":
        from robusthash.results.leaderboard.terminal import render  # it imports this module

        return render(self)

    def __str__(self) -> str:
        from robusthash.results.rendering.terminal import as_text

        return as_text(self.__rich__())

    def __repr__(self) -> str:
        return str(self)  # at a prompt: the tables

    def _repr_html_(self) -> str:
        from robusthash.results.leaderboard.files import to_html

        return to_html(self)
