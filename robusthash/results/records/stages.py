"""The stages of a query, the labels that it is scored against, and the names that both have on disk."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

CLEAN = "clean"  #: the query as the dataset has it
ADVERSARIAL = "adversarial"  #: after the attack, as it is delivered: the headline
UNROUNDED = "unrounded"  #: after the attack, before delivery rounds it

_STAGES = (CLEAN, ADVERSARIAL, UNROUNDED)
_JPEG = "jpeg-"
_CLEAN_JPEG = f"{CLEAN}-{_JPEG}"
_TARGET = "t-"  #: before the name of what is told against the target labels
_NEIGHBOURS = "neighbours"


def after_jpeg(quality: int) -> tuple[str, str]:
    """The stages of a clean and of an adversarial image after JPEG compression.

    >>> after_jpeg(75)
    ('clean-jpeg-75', 'jpeg-75')
    """
    return f"{_CLEAN_JPEG}{quality}", f"{_JPEG}{quality}"


def stages_of(qualities: Iterable[int]) -> list[str]:
    """Every stage of an evaluation, in a query's order.

    Args:
        qualities: of JPEG, at which images are hashed once more.
    """
    return [*_STAGES, *(stage for quality in qualities for stage in after_jpeg(quality))]


def is_stage(name: str) -> bool:
    """Whether a name is that of a stage."""
    return name in _STAGES or any(
        name.startswith(prefix) and name.removeprefix(prefix).isdecimal() for prefix in (_JPEG, _CLEAN_JPEG)
    )


def in_order(stages: Iterable[str]) -> list[str]:
    """Stages in a query's order; those after JPEG come last, by name."""
    found = set(stages)
    return [stage for stage in _STAGES if stage in found] + sorted(found - set(_STAGES))


class Against(StrEnum):
    """Which labels decide what is relevant to a query."""

    OWN = "own"  #: the query's
    TARGET = "target"  #: those that a targeted attack pulls it to

    def qualify(self, name: str) -> str:
        """A metric's or floor's name with respect to these labels, on disk and in tables.

        >>> Against.OWN.qualify("map"), Against.TARGET.qualify("map")
        ('map', 't-map')
        """
        return f"{_TARGET}{name}" if self is Against.TARGET else name

    @staticmethod
    def parse(qualified: str) -> tuple["Against", str]:
        """What :meth:`qualify` joined.

        >>> Against.parse("t-map")
        (<Against.TARGET: 'target'>, 'map')
        """
        if qualified.startswith(_TARGET):
            return Against.TARGET, qualified.removeprefix(_TARGET)
        return Against.OWN, qualified


class ScoreKey(NamedTuple):
    """What a score of single queries is about."""

    stage: str
    metric: str
    against: Against = Against.OWN

    @property
    def stored(self) -> str:
        """Name of its array on disk.

        >>> ScoreKey("clean", "map", Against.TARGET).stored
        'clean/t-map'
        """
        return f"{self.stage}/{self.against.qualify(self.metric)}"


def neighbours_name(stage: str) -> str:
    """Name on disk of the array of what the retriever returned."""
    return f"{stage}/{_NEIGHBOURS}"


def score_key(stored: str) -> ScoreKey | None:
    """The score whose array has this name; None if it is another array's.

    >>> score_key("clean/map"), score_key("clean/neighbours"), score_key("psnr")
    (ScoreKey(stage='clean', metric='map', against=<Against.OWN: 'own'>), None, None)
    """
    stage, _, qualified = stored.partition("/")
    if not qualified or qualified == _NEIGHBOURS or not is_stage(stage):
        return None
    against, metric = Against.parse(qualified)
    return ScoreKey(stage, metric, against)


def neighbours_stage(stored: str) -> str | None:
    """The stage whose neighbours are in the array of this name; None if it is another array's."""
    stage, _, name = stored.partition("/")
    return stage if name == _NEIGHBOURS and is_stage(stage) else None
