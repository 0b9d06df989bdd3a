"""What the user asks to be evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robusthash.contracts import Precision
from robusthash.errors import OptionError

STRONGEST = "strongest"  #: the attack that models are ranked by, where none is named

PluginOptions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """All that a grid of evaluations has in common.

    Attributes:
        dataset: registered name.
        data_root: folder with the dataset's files.
        image_size: height and width; None is the dataset's own.
        queries: how many queries to attack, drawn with the seed; None is all.
        backbone: registered name; None is the dataset's own.
        weights: where the backbone starts: ``none``, ``default`` or a safetensors file.
        checkpoint: a trained model's weights; None trains, or takes what was trained before.
        retriever: registered name.
        metrics: registered names of ranking metrics; the first is the headline.
        options: by plugin name, then by field; ``train`` holds the training recipe.
        seed: of everything random.
        shard_size: queries to a shard; None is 128 for small images, 32 for large ones.
        device: ``cpu``, ``cuda`` or ``auto``.
        qualities: of JPEG, at which the queries are hashed once more.
        precision: of the attacks' passes.
        compiled: compile what attacks are crafted on.
    """

    dataset: str = "digits"
    data_root: Path | None = None
    image_size: int | None = None
    queries: int | None = None
    backbone: str | None = None
    weights: str = "none"
    checkpoint: Path | None = None
    retriever: str = "auto"
    metrics: tuple[str, ...] = ("map", "precision@r2")
    options: PluginOptions = field(default_factory=dict)
    seed: int = 0
    shard_size: int | None = None
    device: str = "auto"
    qualities: tuple[int, ...] = ()
    precision: Precision = Precision.FLOAT32
    compiled: bool = False

    def __post_init__(self) -> None:
        for quality in self.qualities:
            if not 1 <= quality <= 100:
                raise OptionError(f"JPEG quality is {quality}", hint="from 1 to 100")
        for name in ("image_size", "queries", "shard_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name.replace('_', '-')} is {value}", hint="at least 1")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A grid: every model x bits x defense x attack x epsilon, in one setting.

    Attributes:
        models: registered names, ``path/to/file.py:build``, or checkpoints, which bring their own code length.
        attacks: registered names.
        surrogates: models, as above, that attacks are crafted on; empty is each victim itself. A victim among its
            surrogates is attacked with full knowledge.
        vary: by attack and option, the values to sweep over.
        bits: code lengths.
        defenses: registered names; ``none`` is no defense.
        epsilons: radii as shares of the pixel range; empty is the dataset's own.
        setting: what all cells have in common.
    """

    models: tuple[str, ...]
    attacks: tuple[str, ...] = (STRONGEST,)
    surrogates: tuple[str, ...] = ()
    vary: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    bits: tuple[int, ...] = (32,)
    defenses: tuple[str, ...] = ("none",)
    epsilons: tuple[float, ...] = ()
    setting: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        for name in ("models", "bits", "defenses"):
            if not getattr(self, name):
                raise OptionError(f"no {name} to evaluate", hint=f"name at least one in --{name.rstrip('s')}")
        for owner in self.vary:
            if owner not in self.attacks:
                raise OptionError(f"vary names {owner!r}, which is not among the attacks", hint=f"--attack {owner}")
        for bits in self.bits:
            if not 1 <= bits <= 4096:
                raise OptionError(f"bits is {bits}", hint="a code has 1 to 4096 bits")
