"""Requests: what a user wants to evaluate. Importable without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robusthash.devices import parse_device
from robusthash.epsilon import Edits, Radius
from robusthash.errors import OptionError, UsageError
from robusthash.evaluation.planning.names import (
    AnyAttack,
    AnyDataset,
    AnyDefense,
    AnyModel,
    AnyRetriever,
    checkpoint_path,
    shown,
)
from robusthash.host import PluginKind, PluginOptions
from robusthash.limits import LARGEST, MOST_BITS, check_image_size
from robusthash.specs import Direction, Norm, Precision, Relevance, ScoreBy

if TYPE_CHECKING:
    from robusthash.metrics import RankingMetric

NO_DEFENSE = "none"
AUTO = "auto"  #: the preferred retriever, or device
TRAIN = "train"  #: owner of the training options, as in ``-o train.epochs=5``
DEFAULT_METRICS = ("map", "precision@r2")  #: of these, a run uses those that exist in the model's space
RETURNED_METRICS = ("map@100", "precision@100")  #: the default, where lists are scored that a retriever returns


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What all cells of a run have in common. Plugin objects are accepted in place of registered names.

    Attributes:
        dataset: a dataset, or its loaded splits.
        data_root: folder with the dataset's files.
        image_size: height and width in pixels; None is the dataset's own.
        queries: number of queries to attack, drawn with the seed; None is all.
        backbone: registered name; None is the dataset's own.
        weights: initial weights of the backbone: ``none``, ``default`` or a safetensors file.
        checkpoint: weights of a trained model; None trains the model, or loads it from the cache.
        retriever: the retriever; ``auto`` is the preferred one that is installed.
        metrics: ranking metrics; the first is the headline.
        score_by: what queries are scored by. Of what the retriever returns there are metrics of the first places alone;
            the default is then ``map@100`` and ``precision@100``.
        relevance: when an item is relevant to a query.
        options: by plugin name, then by field; ``train`` holds the training recipe.
        seed: of everything random.
        shard_size: queries per shard; None is 128 for images of up to 64 pixels, else 32.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        qualities: JPEG qualities, 1 to 100, at which the queries are hashed again.
        precision: arithmetic of the attacks' passes.
        compiled: whether to compile the models that attacks are crafted on.

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
    metrics: "tuple[str | RankingMetric, ...]" = DEFAULT_METRICS
    score_by: ScoreBy = ScoreBy.CODES
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
            raise OptionError("no metrics", hint="name at least one with --metric")
        if self.score_by is ScoreBy.RETRIEVER and self.metrics == DEFAULT_METRICS:
            object.__setattr__(self, "metrics", RETURNED_METRICS)
        for quality in self.qualities:
            if not 1 <= quality <= 100:
                raise OptionError(f"JPEG quality is {quality}", hint="from 1 to 100")
        object.__setattr__(self, "device", parse_device(self.device))
        check_image_size(self.image_size)
        for name, least in (("queries", 1), ("shard_size", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and not least <= value <= LARGEST:
                raise OptionError(f"{name.replace('_', '-')} is {value}", hint=f"from {least} to {LARGEST}")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A grid: every model x bits x defense x direction x attack x radius, in one setting.

    An attack is run at the radii of the threats that it works within; edits are for directions whose queries have any.

    Attributes:
        models: registered names, ``path/to/file.py:build``, checkpoints (which have their own code length), or models.
        attacks: attacks; None is the yardstick.
        surrogates: models, as above, that attacks are crafted on; if empty, each victim is its own surrogate. A victim
            that is among the surrogates is also attacked white-box.
        vary: values to sweep over, by attack and option.
        bits: code lengths.
        defenses: defenses of the models; ``none`` is an undefended model.
        directions: what searches for what; if empty, the first direction that the dataset supports.
        epsilons: radii; a number is one in L-infinity, a norm is the dataset's own in that norm. If empty, and without
            edits, it is the dataset's own in L-infinity.
        edits: radii of threats that count, for texts that people edit: the most edits of one query.
        setting: what all cells have in common.

    Raises:
        OptionError: a value is outside its range, a list is empty, or a sweep varies an attack that is not requested.
        UsageError: a checkpoint is given, and every model has its own weights.
    """

    models: tuple[AnyModel, ...]
    attacks: tuple[AnyAttack, ...] | None = None
    surrogates: tuple[AnyModel, ...] = ()
    vary: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    bits: tuple[int, ...] = (32,)
    defenses: tuple[AnyDefense, ...] = (NO_DEFENSE,)
    directions: tuple[Direction, ...] = ()
    epsilons: tuple[Radius | Norm | float, ...] = ()
    edits: tuple[Edits, ...] = ()
    setting: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        for name in ("models", "bits", "defenses"):
            if not getattr(self, name):
                raise OptionError(f"no {name} to evaluate", hint=f"name at least one with --{name.rstrip('s')}")
        attacks = {shown(attack) for attack in self.attacks or ()}
        for owner in self.vary:
            if owner not in attacks:
                kind, _, name = owner.partition(":")
                raise OptionError(
                    f"vary names {owner!r}, which is not among the attacks",
                    hint=f"write {name}, since only attacks are varied"
                    if kind == PluginKind.ATTACK
                    else f"add --attack {owner}",
                )
        for bits in self.bits:
            if not 1 <= bits <= MOST_BITS:
                raise OptionError(f"bits is {bits}", hint=f"from 1 to {MOST_BITS}")
        used = [model for model in self.everyone if isinstance(model, str) and not checkpoint_path(model)]
        if self.setting.checkpoint is not None and not used:
            raise UsageError(
                f"checkpoint {self.setting.checkpoint} is for no model, since each has its own weights: "
                + ", ".join(map(shown, self.everyone)),
                hint="name one checkpoint, with --model or with --checkpoint",
            )

    @property
    def everyone(self) -> tuple[AnyModel, ...]:
        """The models to be scored, then those to be crafted on."""
        return (*self.models, *self.surrogates)
