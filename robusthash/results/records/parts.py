"""What a record says of an evaluation: dataset, victim, attack, scoring, and the conditions of the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from robusthash.results.records.stages import Against
from robusthash.specs import Direction, Distance, Goal, PluginUse, Role


class Access(StrEnum):
    """What an attack knows of the victim; attacks of different access are not ranked with each other."""

    WHITE_BOX = "white-box"  #: everything
    TRANSFER = "transfer"  #: nothing: it is crafted on a surrogate
    QUERIES = "queries"  #: what its service answers


@dataclass(frozen=True, kw_only=True)
class DatasetUse(PluginUse):
    """The dataset: which items were queries and which were searched.

    Attributes:
        digest: of the three splits.
        queries: number of queries attacked.
        query_digest: of the queries attacked.
        database: number of items searched.
    """

    digest: str
    queries: int
    query_digest: str
    database: int


@dataclass(frozen=True, kw_only=True)
class ModelUse(PluginUse):
    """A model, as victim or as surrogate.

    Attributes:
        size: code length of a model that hashes, else the dimension of its descriptors.
        distance: how its outputs are compared.
        backbone: name of its feature network.
        digest: of its weights.
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
        """Its size in tables: ``32 bit``, ``512 d``."""
        return size_label(self.size, self.distance)

    def identity(self) -> dict[str, Any]:
        """What digests are made of: everything that could change an output."""
        space = {"distance": str(self.distance), "size": self.size} if self.bits is None else {"bits": self.bits}
        use = {"name": self.name, "owner": self.owner, "options": self.options}
        return {**use, **space, "backbone": self.backbone, "digest": self.digest}


def size_label(size: int, distance: Distance) -> str:
    """A model's size in tables.

    >>> size_label(32, Distance.HAMMING), size_label(512, Distance.COSINE)
    ('32 bit', '512 d')
    """
    return f"{size} {'bit' if distance == Distance.HAMMING else 'd'}"


@dataclass(frozen=True, kw_only=True)
class VictimUse:
    """What is attacked and scored.

    Attributes:
        model: the model, after the defense if that trained it further.
        defense: what hardened it; None if nothing did.
        direction: what searches for what.
    """

    model: ModelUse
    defense: PluginUse | None = None
    direction: Direction = Direction.I2I


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long an attack runs, in its own unit.

    Attributes:
        option: the attack's option that says so: ``steps``, ``queries`` ...
        value: its value.
    """

    option: str
    value: int | float


@dataclass(frozen=True, kw_only=True)
class AttackUse(PluginUse):
    """What perturbed the queries, and within what bounds.

    Attributes:
        goal: untargeted or targeted.
        epsilon: radius of the L-infinity ball, as a share of the pixel range.
        surrogate: the model that a transfer attack was crafted on; None is the victim itself.
        role: what it is among the attacks.
        effort: how long it runs; None if none of its options says so.
        passes: passes of which each step averages the gradient.
        precision: of its passes; what is scored is always float32.
        compiled: whether the model it was crafted on was compiled.
    """

    goal: Goal
    epsilon: float
    surrogate: ModelUse | None = None
    role: Role = Role.ATTACK
    effort: Effort | None = None
    passes: int = 1
    precision: str = "float32"
    compiled: bool = False

    @property
    def against(self) -> Against:
        """The labels that its success is measured against."""
        return Against.TARGET if self.goal == Goal.TARGETED else Against.OWN


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How codes became numbers.

    Attributes:
        protocols: the protocol id of each metric.
        headline: the metric that the record is judged by, one of ``protocols``.
        relevance: what counts as relevant: ``share-any`` ...
        retriever: what searched the database.
        qualities: of JPEG, at which the queries were hashed once more.
    """

    protocols: Mapping[str, str]
    headline: str
    relevance: str
    retriever: PluginUse
    qualities: tuple[int, ...] = ()

    @property
    def protocol(self) -> str:
        """The headline's protocol id."""
        return self.protocols[self.headline]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a run was computed under.

    Attributes:
        seed: of the run.
        shard_size: queries to a shard, which fixes the compute shape.
        versions: of robusthash, torch and numpy.
        environment: device, its name, threads and batch.
    """

    seed: int
    shard_size: int
    versions: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
