"""The stored result of one cell: everything that could change its numbers, and the numbers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from robusthash.errors import InputError
from robusthash.specs import PluginUse

SCHEMA = 1
_UNBOUNDED = "RH006"  #: the flag of an attack that is not held to epsilon


#: Fields that the adversarial images depend on, beside the model that they are crafted on; and those of the scoring.
_CRAFTING = ("dataset", "attack", "goal", "epsilon", "seed", "shard_size", "precision", "compiled", "versions")
_SCORING = ("model", "defense", "relevance", "protocols", "retriever", "qualities")


class Access(StrEnum):
    """What an attack knows of the victim; attacks of different access are not ranked with each other."""

    WHITE_BOX = "white-box"  #: everything
    TRANSFER = "transfer"  #: nothing: it is crafted on a surrogate
    QUERIES = "queries"  #: what its service answers


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One headline number.

    Attributes:
        value: mean over the queries, ties in expectation.
        low: lower end of its 95 % bootstrap interval over the queries.
        high: upper end.
        worst: the same mean under the worst order of ties.
        best: the same mean under the best order of ties.
    """

    value: float
    low: float
    high: float
    worst: float
    best: float


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A soundness check that failed.

    Attributes:
        id: stable, ``RH001`` ...
        message: what was found, in one line.
    """

    id: str
    message: str


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
    """The victim.

    Attributes:
        bits: code length.
        backbone: name of its feature network.
        digest: of its weights.
    """

    bits: int
    backbone: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the attack spent. Times are not reproducible; passes are.

    Attributes:
        forward: forward passes of single images.
        backward: backward passes of single images.
        seconds: wall time of the attack on all queries.
        queries: images that the victim's service was asked about.
    """

    forward: int
    backward: int
    seconds: float
    queries: int = 0


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one cell.

    Attributes:
        digest: of everything that could change the numbers.
        dataset: what was searched.
        model: the victim.
        defense: what hardened it; None if nothing did.
        attack: what perturbed the queries.
        goal: ``untargeted`` or ``targeted``.
        epsilon: radius of the L-infinity ball, as a share of the pixel range.
        seed: of the run.
        relevance: what counts as relevant: ``share-any`` ...
        retriever: what searched the database.
        shard_size: queries to a shard, which fixes the compute shape.
        metrics: by stage (``clean``, ``adversarial`` after 8-bit rounding, ``unrounded``), then by metric name.
            ``t-`` before a name says relevance to the target label.
        floors: reference values of ``map`` for this database: ``random`` codes, the ``worst`` possible; for targeted
            attacks ``t-random`` and ``t-anchor``, the anchor codes themselves.
        imagery: mean over the queries of ``psnr`` (dB), ``ssim``, ``linf``, ``l2`` (pixel space), ``clipped`` (share of
            elements), ``hamming`` (bits between clean and adversarial code).
        protocols: each metric's protocol id.
        cost: what the attack spent.
        flags: soundness checks that failed.
        versions: of robusthash, every plugin used, and torch.
        environment: device, its name, and threads.
        created: UTC time, ISO 8601.
        surrogate: the model that a transfer attack was crafted on; None is the victim itself.
        precision: of the attack's passes; what is scored is always float32.
        compiled: whether the surrogate was compiled.
        qualities: of JPEG, at which the queries were hashed once more: the stages ``clean-jpeg-Q`` and ``jpeg-Q``.
        search: by stage, what the retriever found: ``recall@k`` (share of its k neighbours that are no farther than the
            true k-th) and ``precision@k`` (share that is relevant).
        probe: what a look at the victim's gradients found (:mod:`robusthash.adversary.probe`).
    """

    digest: str
    dataset: DatasetUse
    model: ModelUse
    defense: PluginUse | None
    attack: PluginUse
    goal: str
    epsilon: float
    seed: int
    relevance: str
    retriever: PluginUse
    shard_size: int
    metrics: Mapping[str, Mapping[str, Measure]]
    floors: Mapping[str, float]
    imagery: Mapping[str, float]
    protocols: Mapping[str, str]
    cost: Cost
    flags: tuple[Flag, ...]
    versions: Mapping[str, str]
    environment: Mapping[str, str]
    created: str
    surrogate: ModelUse | None = None
    precision: str = "float32"
    compiled: bool = False
    qualities: tuple[int, ...] = ()
    search: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    probe: Mapping[str, float] = field(default_factory=dict)
    schema: int = SCHEMA

    def crafting(self) -> dict[str, Any]:
        """What the adversarial images depend on, whoever is to judge them."""
        plain = asdict(self)
        source = {"model": plain["surrogate"], "defense": None} if self.surrogate else None
        return {
            **{name: plain[name] for name in _CRAFTING},
            "source": source or {"model": plain["model"], "defense": plain["defense"]},
            "device": self.environment["device"],
        }

    def identity(self) -> dict[str, Any]:
        """Everything that could change the numbers: the digest is over this."""
        plain = asdict(self)
        return {**self.crafting(), **{name: plain[name] for name in _SCORING}}

    @property
    def access(self) -> Access:
        """What the attack knew of the victim."""
        if self.cost.queries:
            return Access.QUERIES
        return Access.TRANSFER if self.surrogate else Access.WHITE_BOX

    @property
    def bounded(self) -> bool:
        """Whether the attack was held to the ball: one that was not may be shown, but not ranked."""
        return all(flag.id != _UNBOUNDED for flag in self.flags)

    def reproducible(self) -> dict[str, Any]:
        """Everything but the times: what two runs of one cell must agree on."""
        content = asdict(self)
        del content["created"], content["cost"]["seconds"]
        return content

    def to_json(self) -> str:
        """The record as indented JSON with a stable order."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Record":
        """Reads what :meth:`to_json` wrote.

        Args:
            text: the file's content.
            where: its path, for the error.

        Raises:
            InputError: not a record, or of another schema.
        """
        try:
            content = json.loads(text)
            schema = content["schema"]
            if schema != SCHEMA:
                raise InputError(f"{where} has schema {schema}, this version reads {SCHEMA}", hint="evaluate again")
            content["dataset"] = DatasetUse(**content["dataset"])
            content["model"] = ModelUse(**content["model"])
            content["surrogate"] = ModelUse(**content["surrogate"]) if content.get("surrogate") else None
            content["defense"] = PluginUse(**content["defense"]) if content["defense"] else None
            content["attack"] = PluginUse(**content["attack"])
            content["retriever"] = PluginUse(**content["retriever"])
            content["cost"] = Cost(**content["cost"])
            content["qualities"] = tuple(content.get("qualities", ()))
            content["flags"] = tuple(Flag(**flag) for flag in content["flags"])
            content["metrics"] = {
                stage: {name: Measure(**measure) for name, measure in measures.items()}
                for stage, measures in content["metrics"].items()
            }
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{where} is not a record: {error}", hint="remove it, or evaluate again") from error
