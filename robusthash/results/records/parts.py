"""The parts of a record that describe an evaluation: dataset, victim, attack, scoring, conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from robusthash.epsilon import Radius
from robusthash.results.records.stages import Against
from robusthash.specs import Direction, Distance, Goal, Norm, PluginUse, Role, ScoreBy


class Access(StrEnum):
    """What an attack knows about the victim. Attacks with different access are ranked separately."""

    WHITE_BOX = "white-box"  #: everything
    TRANSFER = "transfer"  #: nothing: it is crafted on a surrogate
    QUERIES = "queries"  #: the answers of its service


@dataclass(frozen=True, kw_only=True)
class DatasetUse(PluginUse):
    """A dataset, as it was evaluated on.

    Attributes:
        digest: of the three splits.
        queries: number of attacked queries.
        query_digest: of the attacked queries.
        database: number of database items.
    """

    digest: str
    queries: int
    query_digest: str
    database: int


@dataclass(frozen=True, kw_only=True)
class ModelUse(PluginUse):
    """A model, as victim or as surrogate.

    Attributes:
        size: code length in bits, or dimension of continuous descriptors.
        distance: in which its outputs are searched.
        backbone: name of its feature network.
        digest: of its weights, and of what it computes on fixed made-up inputs.
    """

    size: int
    distance: Distance = Distance.HAMMING
    backbone: str
    digest: str

    @property
    def bits(self) -> int | None:
        """Code length; None for descriptors."""
        return self.size if self.distance == Distance.HAMMING else None

    @property
    def label(self) -> str:
        """Its size, for tables: ``32 bit`` or ``512 d``."""
        return size_label(self.size, self.distance)

    def identity(self) -> dict[str, Any]:
        """Everything that could change its outputs, for digests."""
        space = {"distance": str(self.distance), "size": self.size} if self.bits is None else {"bits": self.bits}
        use = {"name": self.name, "owner": self.owner, "options": self.options}
        return {**use, **space, "backbone": self.backbone, "digest": self.digest}


def size_label(size: int, distance: Distance) -> str:
    """A model's size, for tables.

    >>> size_label(32, Distance.HAMMING), size_label(512, Distance.COSINE)
    ('32 bit', '512 d')
    """
    return f"{size} {'bit' if distance == Distance.HAMMING else 'd'}"


@dataclass(frozen=True, kw_only=True)
class VictimUse:
    """The victim: what is scored.

    Attributes:
        model: the model, with the weights that the defense trained, if it trains.
        defense: the defense; None for an undefended model.
        direction: modalities of the queries and of the items.
    """

    model: ModelUse
    defense: PluginUse | None = None
    direction: Direction = Direction.I2I


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long an attack runs.

    Attributes:
        option: the option of the attack that sets it: ``steps``, ``queries`` ...
        value: the value of this option.
    """

    option: str
    value: int | float


@dataclass(frozen=True, kw_only=True)
class InputsUse:
    """Attacked inputs that are not 8-bit images. How strong a radius is depends on them.

    Attributes:
        elements: number of elements of an input, such as the size of a vocabulary.
        low: smallest value of an element.
        high: largest value.
        levels: that elements are delivered in; None delivers them as they are.
    """

    elements: int
    low: float
    high: float
    levels: int | None

    def __str__(self) -> str:
        """``96 elements in [0, 1]``."""
        return f"{self.elements} elements in [{self.low:g}, {self.high:g}]"


@dataclass(frozen=True, kw_only=True)
class FittedUse:
    """What an attack has learnt before the run, as a file held it.

    Attributes:
        digest: of what was learnt.
        owner: distribution and version that learnt it.
        epsilon: radius that it was learnt for.
        seed: of the learning.
        dataset_digest: of the three splits of the dataset whose train split it was learnt from.
    """

    digest: str
    owner: str
    epsilon: float
    seed: int
    dataset_digest: str


@dataclass(frozen=True, kw_only=True)
class AttackUse(PluginUse):
    """An attack, as it was run.

    Attributes:
        goal: untargeted or targeted.
        epsilon: size of the radius, in the norm.
        norm: of the threat.
        inputs: what is attacked; None for 8-bit images.
        surrogate: the model that it was crafted on; None if that is the victim.
        role: of the attack among the others.
        effort: how long it runs; None if the attack declares no such option.
        passes: number of passes over which each gradient is averaged.
        precision: of its passes. Scoring is always in float32.
        compiled: whether the model that it was crafted on was compiled.
        fitted: what it had learnt before the run; None if it learns nothing, or learnt it for the run.
    """

    goal: Goal
    epsilon: float
    norm: Norm = Norm.LINF
    inputs: InputsUse | None = None
    surrogate: ModelUse | None = None
    role: Role = Role.ATTACK
    effort: Effort | None = None
    passes: int = 1
    precision: str = "float32"
    compiled: bool = False
    fitted: FittedUse | None = None

    @property
    def radius(self) -> Radius:
        """The radius with its norm, as it is shown."""
        return Radius(size=self.epsilon, norm=self.norm)

    @property
    def threat(self) -> str:
        """The radius, and for what is no 8-bit image its elements: ``Linf 0.05, 96 elements in [0, 1]``."""
        return f"{self.radius}, {self.inputs}" if self.inputs and not self.norm.counts else str(self.radius)

    @property
    def against(self) -> Against:
        """The labels by which its success is measured."""
        return Against.TARGET if self.goal == Goal.TARGETED else Against.OWN


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How the queries were scored.

    Attributes:
        protocols: protocol id of each metric.
        headline: the metric that the record is judged by, one of ``protocols``.
        relevance: when an item is relevant: ``share-any`` ...
        retriever: the retriever that searched the database.
        qualities: JPEG qualities at which the queries were hashed again.
        by: what the headline is computed from.
    """

    protocols: Mapping[str, str]
    headline: str
    relevance: str
    retriever: PluginUse
    qualities: tuple[int, ...] = ()
    by: ScoreBy = ScoreBy.CODES

    @property
    def protocol(self) -> str:
        """The headline's protocol id."""
        return self.protocols[self.headline]

    @property
    def index(self) -> PluginUse | None:
        """The retriever if it is part of what is scored; None if the codes alone are."""
        return self.retriever if self.by is ScoreBy.RETRIEVER else None

    @property
    def exact(self) -> str | None:
        """The metric of the exact ranking that the headline's lists are approximations of; None if it is exact."""
        if self.by is ScoreBy.CODES:
            return None
        return next((name for name in self.protocols if self.by.qualify(name) == self.headline), None)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The conditions of a run.

    Attributes:
        seed: of the run.
        shard_size: queries per shard, which fixes the compute shape.
        versions: of robusthash, torch and numpy.
        environment: device, its name, threads and batch.
    """

    seed: int
    shard_size: int
    versions: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
