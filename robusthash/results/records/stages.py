"""The stages at which a query is scored, the labels it is scored against, and how both are named on disk."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

CLEAN = "clean"  #: the query before the attack
ADVERSARIAL = "adversarial"  #: after the attack, rounded for delivery
UNROUNDED = "unrounded"  #: after the attack, before rounding

_STAGES = (CLEAN, ADVERSARIAL, UNROUNDED)
_JPEG = "jpeg-"
_CLEAN_JPEG = f"{CLEAN}-{_JPEG}"
_TARGET = "t-"  #: prefix of metrics and floors with respect to the target labels
_NEIGHBOURS = "neighbours"


def after_jpeg(quality: int) -> tuple[str, str]:
    """The stages of a clean and of an adversarial image after JPEG compression.

    >>> after_jpeg(75)
    ('clean-jpeg-75', 'jpeg-75')
    """
    return f"{_CLEAN_JPEG}{quality}", f"{_JPEG}{quality}"


def stages_of(qualities: Iterable[int]) -> list[str]:
    """All stages of an evaluation, in order.

    Args:
        qualities: JPEG qualities at which images are hashed again.
    """
    return [*_STAGES, *(stage for quality in qualities for stage in after_jpeg(quality))]


def is_stage(name: str) -> bool:
    """Whether this is the name of a stage."""
    return name in _STAGES or any(
        name.startswith(prefix) and name.removeprefix(prefix).isdecimal() for prefix in (_JPEG, _CLEAN_JPEG)
    )


def is_clean(stage: str) -> bool:
    """Whether a stage has the queries before the attack.

    >>> is_clean("clean"), is_clean("clean-jpeg-75"), is_clean("jpeg-75")
    (True, True, False)
    """
    return stage == CLEAN or stage.startswith(_CLEAN_JPEG)


def in_order(stages: Iterable[str]) -> list[str]:
    """Sorts stages: clean, adversarial, unrounded, then those after JPEG by name."""
    found = set(stages)
    return [stage for stage in _STAGES if stage in found] + sorted(found - set(_STAGES))


class Against(StrEnum):
    """The labels that decide which items are relevant to a query."""

    OWN = "own"  #: the query's own labels
    TARGET = "target"  #: the target labels of a targeted attack

    def qualify(self, name: str) -> str:
        """The name of a metric or floor with respect to these labels, on disk and in tables.

        >>> Against.OWN.qualify("map"), Against.TARGET.qualify("map")
        ('map', 't-map')
        """
        return f"{_TARGET}{name}" if self is Against.TARGET else name

    @staticmethod
    def parse(qualified: str) -> tuple["Against", str]:
        """Splits a name that :meth:`qualify` made.

        >>> Against.parse("t-map")
        (<Against.TARGET: 'target'>, 'map')
        """
        if qualified.startswith(_TARGET):
            return Against.TARGET, qualified.removeprefix(_TARGET)
        return Against.OWN, qualified


class ScoreKey(NamedTuple):
    """Identifies an array of per-query scores."""

    stage: str
    metric: str
    against: Against = Against.OWN

    @property
    def stored(self) -> str:
        """The name of the array on disk.

        >>> ScoreKey("clean", "map", Against.TARGET).stored
        'clean/t-map'
        """
        return f"{self.stage}/{self.against.qualify(self.metric)}"


def neighbours_name(stage: str) -> str:
    """The name on disk of the array of neighbours that the retriever returned."""
    return f"{stage}/{_NEIGHBOURS}"


def score_key(stored: str) -> ScoreKey | None:
    """The key of the score array with this name on disk; None if it is no score array.

    >>> score_key("clean/map"), score_key("clean/neighbours"), score_key("psnr")
    (ScoreKey(stage='clean', metric='map', against=<Against.OWN: 'own'>), None, None)
    """
    stage, _, qualified = stored.partition("/")
    if not qualified or qualified == _NEIGHBOURS or not is_stage(stage):
        return None
    against, metric = Against.parse(qualified)
    return ScoreKey(stage, metric, against)


def neighbours_stage(stored: str) -> str | None:
    """The stage of the neighbour array with this name on disk; None if it is no neighbour array."""
    stage, _, name = stored.partition("/")
    return stage if name == _NEIGHBOURS and is_stage(stage) else None
