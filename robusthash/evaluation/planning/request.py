"""What the user asks to be evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robusthash.contracts import Precision
from robusthash.errors import OptionError
from robusthash.evaluation.planning.names import AnyAttack, AnyDataset, AnyDefense, AnyModel, AnyRetriever, shown
from robusthash.metrics import RankingMetric, Relevance
from robusthash.specs import Direction

NO_DEFENSE = "none"
DEFAULT_METRICS = ("map", "precision@r2")  #: those of these that exist where a model is searched

PluginOptions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """All that a grid of evaluations has in common. A plugin object may stand wherever a registered name does.

    Attributes:
        dataset: what is searched: a dataset, or its splits.
        data_root: folder with the dataset's files.
        image_size: height and width; None is the dataset's own.
        queries: how many queries to attack, drawn with the seed; None is all.
        backbone: registered name; None is the dataset's own.
        weights: where the backbone starts: ``none``, ``default`` or a safetensors file.
        checkpoint: a trained model's weights; None trains, or takes what was trained before.
        retriever: what searches; ``auto`` is the preferred one that is installed.
        metrics: ranking metrics; the first is the headline.
        relevance: when an item is relevant to a query.
        options: by plugin name, then by field; ``train`` holds the training recipe.
        seed: of everything random.
        shard_size: queries to a shard; None is 128 for small images, 32 for large ones.
        device: ``cpu``, ``cuda`` or ``auto``.
        qualities: of JPEG, at which the queries are hashed once more.
        precision: of the attacks' passes.
        compiled: compile what attacks are crafted on.

    Raises:
        OptionError: a value is outside its range.
    """

    dataset: AnyDataset = "digits"
    data_root: Path | None = None
    image_size: int | None = None
    queries: int | None = None
    backbone: str | None = None
    weights: str = "none"
    checkpoint: Path | None = None
    retriever: AnyRetriever = "auto"
    metrics: tuple[str | RankingMetric, ...] = DEFAULT_METRICS
    relevance: Relevance = Relevance.SHARE_ANY
    options: PluginOptions = field(default_factory=dict)
    seed: int = 0
    shard_size: int | None = None
    device: str = "auto"
    qualities: tuple[int, ...] = ()
    precision: Precision = Precision.FLOAT32
    compiled: bool = False

    def __post_init__(self) -> None:
        if not self.metrics:
            raise OptionError("no metrics", hint="name at least one in --metric")
        for quality in self.qualities:
            if not 1 <= quality <= 100:
                raise OptionError(f"JPEG quality is {quality}", hint="from 1 to 100")
        for name in ("image_size", "queries", "shard_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name.replace('_', '-')} is {value}", hint="at least 1")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A grid: every model x bits x defense x direction x attack x epsilon, in one setting.

    Attributes:
        models: registered names, ``path/to/file.py:build``, checkpoints, which bring their own code length, or models.
        attacks: what perturbs the queries; None is the yardstick, which models are ranked by.
        surrogates: models, as above, that attacks are crafted on; empty is each victim itself. A victim among its
            surrogates is attacked with full knowledge.
        vary: by attack and option, the values to sweep over.
        bits: code lengths.
        defenses: what hardens the models; ``none`` is no defense.
        directions: what searches for what; empty is images for images, or the modality that the dataset has.
        epsilons: radii as shares of the box; empty is the dataset's own.
        setting: what all cells have in common.

    Raises:
        OptionError: a value is outside its range, or nothing is left to evaluate.
    """

    models: tuple[AnyModel, ...]
    attacks: tuple[AnyAttack, ...] | None = None
    surrogates: tuple[AnyModel, ...] = ()
    vary: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    bits: tuple[int, ...] = (32,)
    defenses: tuple[AnyDefense, ...] = (NO_DEFENSE,)
    directions: tuple[Direction, ...] = ()
    epsilons: tuple[float, ...] = ()
    setting: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        for name in ("models", "bits", "defenses"):
            if not getattr(self, name):
                raise OptionError(f"no {name} to evaluate", hint=f"name at least one in --{name.rstrip('s')}")
        attacks = {shown(attack) for attack in self.attacks or ()}
        for owner in self.vary:
            if owner not in attacks:
                raise OptionError(f"vary names {owner!r}, which is not among the attacks", hint=f"--attack {owner}")
        for bits in self.bits:
            if not 1 <= bits <= 4096:
                raise OptionError(f"bits is {bits}", hint="a code has 1 to 4096 bits")

    @property
    def everyone(self) -> tuple[AnyModel, ...]:
        """Victims and surrogates."""
        return (*self.models, *self.surrogates)
