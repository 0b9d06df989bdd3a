"""Rules of a gate: which cells are judged, by which metric, and what it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from robusthash.epsilon import Radius, parse_edits, parse_radius
from robusthash.results.records.stages import ADVERSARIAL, Against
from robusthash.specs import Norm

#: Keys of filters. Those of the second line tell attacks apart, and the clean queries have none of them.
VICTIM_KEYS = ("dataset", "model", "bits", "backbone", "defense", "index", "direction", "weights", "seed", "stage")
ATTACK_KEYS = ("attack", "epsilon", "edits", "surrogate", "goal")
KEYS = VICTIM_KEYS + ATTACK_KEYS


class Level(StrEnum):
    """What a rule that is not kept does to the gate."""

    ERROR = "error"  #: the gate fails
    WARN = "warn"  #: it is reported, and the gate goes on
    OFF = "off"  #: the rule is not judged


class Comparison(StrEnum):
    """How a number is compared with the limit."""

    AT_LEAST = ">="
    ABOVE = ">"
    AT_MOST = "<="
    BELOW = "<"
    DROP = "drop <="  #: against the baseline: how far the metric fell
    RISE = "rise <="  #: against the baseline: how far the metric rose

    @property
    def relative(self) -> bool:
        """Whether it needs a baseline."""
        return self in (Comparison.DROP, Comparison.RISE)

    def holds(self, value: float, limit: float) -> bool:
        """Whether the value keeps to the limit. Numbers that differ by the last bits of a float are equal.

        >>> Comparison.AT_LEAST.holds(0.1 + 0.2, 0.3), Comparison.ABOVE.holds(0.1 + 0.2, 0.3)
        (True, False)
        """
        gap = round(value - limit, 9)
        if self in (Comparison.AT_LEAST, Comparison.ABOVE):
            return gap > 0 or (gap == 0 and self is Comparison.AT_LEAST)
        return gap < 0 or (gap == 0 and self is not Comparison.BELOW)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a rule is written.

    Attributes:
        name: the option or file.
        line: in the file, from 1; None if it is not from a file, or was not found there.
    """

    name: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        text: as it is written.
        metric: name of the metric.
        against: the labels that decide relevance.
        filters: patterns by key; a cell that matches all of them is judged.
        comparison: how the number is compared.
        limit: what it is compared with.
        level: what happens if the rule is not kept.
        allow: ids of failed soundness checks that do not keep a cell from passing.
        where: where it is written.
    """

    text: str
    metric: str
    against: Against
    filters: Mapping[str, str]
    comparison: Comparison
    limit: float
    level: Level = Level.ERROR
    allow: frozenset[str] = frozenset()
    where: Place = field(default_factory=lambda: Place(name="a rule"))

    @property
    def qualified(self) -> str:
        """The metric's name, with a prefix if it is with respect to the target labels."""
        return self.against.qualify(self.metric)

    @property
    def stage(self) -> str:
        """Pattern of the stages that are judged."""
        return self.filters.get("stage", ADVERSARIAL)

    def selects(self, facts: Mapping[str, str]) -> bool:
        """Whether the rule names a cell with these facts. A fact that the cell does not have matches nothing."""
        return all(
            fits(key, facts.get(key), pattern) for key, pattern in {"stage": ADVERSARIAL, **self.filters}.items()
        )


def is_wild(pattern: str) -> bool:
    """Whether a pattern has wildcards."""
    return "*" in pattern or "?" in pattern


def fits(key: str, fact: str | None, pattern: str) -> bool:
    """Whether a fact matches a filter. Epsilons are compared as numbers; weights are named by their first digits.

    Args:
        key: of the filter.
        fact: None if the cell has no such fact.
        pattern: of the filter.
    """
    if fact is None:
        return False
    if key == "epsilon" and not is_wild(pattern):
        return _same_radius(parse_radius(fact), parse_radius(pattern))
    if key == "edits" and not is_wild(pattern):
        return _radius_of(fact) == _radius_of(pattern)
    return fnmatchcase(fact, f"{pattern}*" if key == "weights" else pattern)


def _radius_of(edits: str) -> Radius | None:
    """The radius that edits stand for; those without a norm are of tags."""
    return parse_edits(edits).among((Norm.TAGS, *Norm))


def _same_radius(one: Radius | Norm, other: Radius | Norm) -> bool:
    """Whether two radii are equal up to how they are written; a norm alone is any radius in it."""
    if isinstance(one, Norm) or isinstance(other, Norm):
        return _norm(one) == _norm(other)
    return one.norm == other.norm and round(one.size - other.size, 6) == 0


def _norm(one: Radius | Norm) -> Norm:
    return one if isinstance(one, Norm) else one.norm
