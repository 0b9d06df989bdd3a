"""Frozen specs that a plugin yields, and that name a class without importing it. Importable without torch."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from robusthash.errors import SpecError

__all__ = [
    "API_VERSION",
    "NAMED_WEIGHTS",
    "AttackSpec",
    "BackboneSpec",
    "Capability",
    "DatasetSpec",
    "DefenseSpec",
    "Direction",
    "Distance",
    "Exactness",
    "ExecutorSpec",
    "Goal",
    "MetricSpec",
    "ModelSpec",
    "Norm",
    "PluginUse",
    "Precision",
    "Relevance",
    "RetrieverSpec",
    "Role",
    "Spec",
    "Vote",
]

API_VERSION = "1.0"
NAMED_WEIGHTS = frozenset({"none", "default"})  #: of a backbone, to start from; any other name is a file

_NAME = re.compile(r"[a-z0-9][a-z0-9.@-]*(/[a-z0-9][a-z0-9.@-]*)?")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_MODALITIES = {"i": "image", "t": "text"}


def _are(values: object, kind: type) -> bool:
    """Whether they are a set of one kind."""
    return isinstance(values, AbstractSet) and all(isinstance(value, kind) for value in values)


def _are_options(values: object) -> bool:
    return isinstance(values, Mapping) and all(isinstance(name, str) for name in values)


class Goal(StrEnum):
    """The goal of an attack: away from the query's own label, or to a target label."""

    UNTARGETED = "untargeted"
    TARGETED = "targeted"


class Capability(StrEnum):
    """What an attack may need besides the clean inputs."""

    GRADIENTS = "gradients"  #: logits of the surrogate that are differentiable with respect to the inputs
    LABELS = "labels"  #: the queries' own labels (white-box evaluations only)
    ANCHORS = "anchors"  #: codes of database items that have the target label
    CODE_BANK = "code-bank"  #: codes and labels of the train split
    QUERIES = "queries"  #: the victim's service, which returns codes or ids of the nearest items


class Relevance(StrEnum):
    """When an item is relevant to a query. Whoever has no label is relevant to nobody, and nobody to them."""

    SHARE_ANY = "share-any"  #: they share a label: the field's default
    EXACT = "exact"  #: they have the same labels
    CONTAINS_TARGET = "contains-target"  #: the item has every label of the query


class Precision(StrEnum):
    """Arithmetic of the passes of an attack or a training. Scores are always computed in float32."""

    FLOAT32 = "float32"
    BF16 = "bf16"  #: faster on a GPU, and on a CPU with bfloat16; near-zero bits can flip


class Distance(StrEnum):
    """How far apart two outputs of a model are."""

    HAMMING = "hamming"  #: bits that differ, of codes
    COSINE = "cosine"  #: 1 - cos of the angle, in [0, 2], of continuous descriptors
    L2 = "l2"  #: Euclidean, of continuous descriptors


class Vote(StrEnum):
    """Which code of a model that votes over noise is certified."""

    DEPLOYED = "deployed"  #: the majority of as many noisy copies as the model takes in a pass: what an attack meets
    IDEAL = "ideal"  #: the majority of all the noise there is, which a pass estimates


class Norm(StrEnum):
    """How the change of an input is measured, and with that the kind of a threat.

    In a norm that counts, changes are whole: what the attack returns is something that somebody could type.
    """

    LINF = "linf"  #: the largest change of an element, as a share of the box's width
    L2 = "l2"  #: the length of the change of all elements, in widths of the box: of an image, in [0, 1] pixels
    TAGS = "tags"  #: tags of a text that are added, dropped or swapped
    WORDS = "words"  #: words of a text that are replaced by others of the vocabulary
    CHARACTERS = "characters"  #: characters of a text's words that are inserted, deleted, substituted or swapped

    @property
    def counts(self) -> bool:
        """Whether it counts edits, in whole numbers."""
        return self not in (Norm.LINF, Norm.L2)


class Direction(StrEnum):
    """What searches for what: the modality of the queries, which are attacked, and that of the items searched."""

    I2I = "i2i"  #: images search images
    I2T = "i2t"  #: images search texts
    T2I = "t2i"  #: texts search images
    T2T = "t2t"  #: texts search texts

    @property
    def query(self) -> str:
        """Modality of the queries."""
        return _MODALITIES[self.value[0]]

    @property
    def item(self) -> str:
        """Modality of the items."""
        return _MODALITIES[self.value[2]]


class Role(StrEnum):
    """The role of an attack in the leaderboard."""

    ATTACK = "attack"  #: a ranked attack
    REFERENCE = "reference"  #: optimises nothing, such as noise: shown beside every attack, and not ranked
    YARDSTICK = "yardstick"  #: models are ranked by it where it was run; the untargeted one is the default attack


class ScoreBy(StrEnum):
    """What queries are scored by."""

    CODES = "codes"  #: the exact ranking of the whole database, whatever the retriever returns
    RETRIEVER = "retriever"  #: the lists that the retriever returns, with the exact score beside it

    def qualify(self, metric: str) -> str:
        """The name of a metric that is computed so.

        >>> ScoreBy.CODES.qualify("map@100"), ScoreBy.RETRIEVER.qualify("map@100")
        ('map@100', 'returned:map@100')
        """
        return f"returned:{metric}" if self is ScoreBy.RETRIEVER else metric


class Exactness(StrEnum):
    """Whether a retriever returns the true neighbours."""

    EXACT = "exact"
    APPROXIMATE = "approximate"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One named plugin object.

    Several specs may share a factory: a published preset is a spec of its own, with its ``options``.
    Its name may contain the paper or repository after a slash: ``dpsh/cgat``.

    Attributes:
        name: lower-case letters, digits, dots, hyphens, at signs (``map@5000``), and at most one slash.
        factory: ``package.module:attribute``, imported on first use.
        summary: one line for listings, which stands alone.
        options: values for fields of the factory that differ from their defaults.
        paper: key of a paper in the docs' bibliography, as in ``huang2022fast``.
        requires_api: supported versions of the plugin interface (``robusthash.specs.API_VERSION``).

    Raises:
        SpecError: a field is not as described.
    """

    name: str
    factory: str
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str | None = None
    requires_api: str = ">=1,<2"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SpecError(
                f"bad name {self.name!r}", hint="lower-case letters, digits, '.', '-', '@', at most one '/'"
            )
        if not isinstance(self.factory, str) or not _FACTORY.fullmatch(self.factory):
            raise SpecError(f"bad factory {self.factory!r} of {self.name!r}", hint="write 'package.module:attribute'")
        if not isinstance(self.summary, str) or not self.summary.strip() or "\n" in self.summary:
            raise SpecError(f"bad summary of {self.name!r}", hint="one non-empty line")
        self._require("options", _are_options(self.options), "a mapping of options to values")
        self._require("paper", self.paper is None or isinstance(self.paper, str), "the key of a paper, or None")
        self._require("requires_api", isinstance(self.requires_api, str), "versions, as in '>=1,<2'")

    def _require(self, name: str, fits: bool, wanted: str) -> None:
        """Refuses a field that does not fit.

        Raises:
            SpecError: it does not.
        """
        if not fits:
            raise SpecError(f"bad {name} of {self.name!r}: {getattr(self, name)!r}", hint=wanted)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """A hash model, or a way to build one.

    ``factory`` is one of four: an :class:`~robusthash.contracts.Objective` trains a network, a
    :class:`~robusthash.contracts.CrossModalObjective` trains two towers, a :class:`~robusthash.contracts.ClosedForm`
    computes a hash layer, a :class:`~robusthash.contracts.ReadyModel` is a hash that needs no training.

    Attributes:
        recipe: values for fields of :class:`~robusthash.training.Recipe` (optimiser, epochs ...), for an objective.
        dataset: registered name of the dataset for a run that names none; None is the usual default. It is for models
            that the usual default does not suit, such as those that take texts.
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)
    dataset: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("recipe", _are_options(self.recipe), "a mapping of the recipe's fields to values")
        self._require(
            "dataset", self.dataset is None or isinstance(self.dataset, str), "the name of a dataset, or None"
        )


@dataclass(frozen=True, kw_only=True)
class BackboneSpec(Spec):
    """A feature network: ``factory`` is a :class:`~robusthash.contracts.Backbone` or a `TextBackbone`."""


@dataclass(frozen=True, kw_only=True)
class AttackSpec(Spec):
    """An attack: ``factory`` is an :class:`~robusthash.contracts.Attack`.

    Attributes:
        goals: the goals that its options can have.
        needs: what it must be given.
        distances: of the models that it works on: codes, unless it says otherwise.
        norms: of the threats that it works within: L-infinity, unless it says otherwise.
        role: its role in the leaderboard. Of all installed attacks one is the reference, and one untargeted attack the
            yardstick of each distance and norm; there may be targeted ones, too.
    """

    goals: frozenset[Goal]
    needs: frozenset[Capability] = frozenset()
    distances: frozenset[Distance] = frozenset({Distance.HAMMING})
    norms: frozenset[Norm] = frozenset({Norm.LINF})
    role: Role = Role.ATTACK

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.goals or not _are(self.goals, Goal):
            raise SpecError(f"attack {self.name!r} has no valid goals", hint="goals={Goal.UNTARGETED} or Goal.TARGETED")
        if not _are(self.needs, Capability):
            raise SpecError(f"attack {self.name!r} has unknown needs", hint="needs={Capability.GRADIENTS, ...}")
        self._require("distances", _are(self.distances, Distance), "distances={Distance.HAMMING, ...}")
        self._require("norms", bool(self.norms) and _are(self.norms, Norm), "norms={Norm.LINF, ...}")
        self._require("role", isinstance(self.role, Role), "one of Role")


@dataclass(frozen=True, kw_only=True)
class DefenseSpec(Spec):
    """A defense: ``factory`` is a :class:`~robusthash.contracts.Defense`."""


@dataclass(frozen=True, kw_only=True)
class RetrieverSpec(Spec):
    """A search: ``factory`` is a :class:`~robusthash.contracts.Retriever`.

    Attributes:
        exactness: what its capabilities say too, so that it is known before it is imported.
        preference: ``--retriever auto`` takes the exact one with the highest that serves the run's distance; the core's
            own has 0.
    """

    exactness: Exactness = Exactness.EXACT
    preference: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("exactness", isinstance(self.exactness, Exactness), "one of Exactness")
        self._require("preference", isinstance(self.preference, int), "a whole number")


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A retrieval dataset: ``factory`` is a :class:`~robusthash.contracts.Dataset`."""


@dataclass(frozen=True, kw_only=True)
class ExecutorSpec(Spec):
    """A place where shards are run: ``factory`` is an :class:`~robusthash.contracts.Executor`."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A ranking metric: ``factory`` is a :class:`~robusthash.metrics.RankingMetric`."""


@dataclass(frozen=True, kw_only=True)
class PluginUse:
    """A plugin object with the options that were used.

    Attributes:
        name: its registered name.
        owner: distribution and version, ``robusthash-attacks 0.1.0``.
        options: all options, including defaults.
    """

    name: str
    owner: str
    options: Mapping[str, Any] = field(default_factory=dict)
