"""The description in a checkpoint: how the model was made. A file may be a stranger's: it is checked by schema."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from robusthash.errors import CheckpointError
from robusthash.files.documents import parse_json, told
from robusthash.files.header import read_metadata
from robusthash.limits import LARGEST_SIDE, MOST_BITS
from robusthash.specs import PluginUse

FORMAT = 1
KEY = "robusthash"  #: of the description, in the metadata of a file
_WIDEST = 1 << 24  #: elements of a text
FITTED_KEY = "robusthash-fitted"  #: of the description of what an attack has learnt
_DEEPEST = 20  #: levels of nested options; they are traversed recursively

_Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class TowerUse:
    """A tower beside the one of images.

    Attributes:
        backbone: its feature network.
        width: number of elements of an input.
        low: smallest value of an element.
        high: largest value of an element.
        levels: number of equal steps between them; None for continuous elements.
        vocabulary: digest of the words that the elements count; empty if they are no words.
        pretrained: the feature network's initial weights: ``none``, or a digest.
    """

    backbone: PluginUse
    width: int
    low: float
    high: float
    levels: int | None
    vocabulary: str
    pretrained: str = "none"


@dataclass(frozen=True, kw_only=True)
class Description:
    """How a model was made.

    Attributes:
        model: the objective that trained it, or the closed form that set its hash layer.
        backbone: its feature network; of a model with several towers, that of images.
        pretrained: the backbone's initial weights: ``none``, ``default``, a file's digest, or ``unknown``.
        defense: what hardened it; None if nothing did.
        recipe: every field of the recipe; empty for a closed form; the layout of an ``imported`` model.
        bits: code length K.
        image_size: height and width of its inputs, in pixels.
        dataset: registered name of the dataset.
        dataset_digest: of its three splits; empty for an imported model.
        classes: label names; empty for an imported model.
        seed: of the training.
        versions: of robusthash and torch.
        report: the training's report, as plain values.
        weights_digest: of the weights; set when it is stored.
        format: version of this description.
        towers: the towers beside that of images, by modality.
    """

    model: PluginUse
    backbone: PluginUse
    pretrained: str
    defense: PluginUse | None = None
    recipe: Mapping[str, Any]
    bits: int
    image_size: int
    dataset: str
    dataset_digest: str
    classes: tuple[str, ...]
    seed: int
    versions: Mapping[str, str]
    report: Mapping[str, Any]
    weights_digest: str = ""
    format: int = FORMAT
    towers: Mapping[str, TowerUse] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The description as plain values, without towers if there are none, and their weights if these were random."""
        values = asdict(self)
        towers = values.pop("towers")
        for tower in towers.values():
            if tower["pretrained"] == "none":
                del tower["pretrained"]
        return values | ({"towers": towers} if towers else {})


def is_checkpoint(path: Path) -> bool:
    """Whether a safetensors file has a description, as checkpoints of trained models do.

    Raises:
        CheckpointError: it is missing, a pickle, truncated, or of another format.
    """
    return KEY in read_metadata(path)


def read_description(path: Path) -> Description:
    """Reads a checkpoint's description without its weights.

    Raises:
        CheckpointError: the file is missing, a pickle, truncated, of another format, or without a valid description.
    """
    metadata = read_metadata(path)
    if FITTED_KEY in metadata:
        raise CheckpointError(f"{path} is a fitted attack, not a model", hint="name it with --fitted")
    if KEY not in metadata:
        raise CheckpointError(
            f"{path} holds weights without robusthash's description of them",
            hint="to evaluate a network of your own, name the file that builds it: --model path/to/file.py:build",
        )
    return _parse(metadata[KEY], path)


class _Part(Struct, kw_only=True, forbid_unknown_fields=True):
    """A part of a description. Unknown fields are errors, as are missing ones."""


class _Plugin(_Part):
    name: Annotated[str, Meta(min_length=1)]
    owner: str
    options: dict[str, Any]

    def use(self) -> PluginUse:
        return PluginUse(name=self.name, owner=self.owner, options=self.options)


class _Tower(_Part):
    backbone: _Plugin
    width: Annotated[int, Meta(ge=1, le=_WIDEST)]
    low: float
    high: float
    levels: Annotated[int, Meta(ge=1)] | None
    vocabulary: str
    pretrained: str = "none"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a box from {self.low} to {self.high} is empty")

    def use(self) -> TowerUse:
        values = {name: getattr(self, name) for name in self.__struct_fields__ if name != "backbone"}
        return TowerUse(backbone=self.backbone.use(), **values)


class _Probe(_Part):
    epoch: Annotated[int, Meta(ge=0)]
    map: _Share
    floor: _Share
    constant_bits: Annotated[int, Meta(ge=0)]


class _Format(Struct):
    format: int


class _File(_Part):
    model: _Plugin
    backbone: _Plugin
    pretrained: str
    defense: _Plugin | None
    recipe: dict[str, Any]
    bits: Annotated[int, Meta(ge=1, le=MOST_BITS)]
    image_size: Annotated[int, Meta(ge=1, le=LARGEST_SIDE)]
    dataset: str
    dataset_digest: str
    classes: tuple[str, ...]
    seed: int
    versions: dict[str, str]
    report: dict[str, Any]
    weights_digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    format: int
    towers: dict[str, _Tower] = {}  # msgspec copies it

    def __post_init__(self) -> None:
        others = {f"tower {name}": tower.backbone.options for name, tower in self.towers.items()}
        own = {"model": self.model.options, "backbone": self.backbone.options, "report": self.report}
        _require_shallow(own | others)
        if "probes" in self.report:
            try:
                msgspec.convert(self.report["probes"], Annotated[list[_Probe], Meta(min_length=1)])
            except msgspec.ValidationError as error:
                raise ValueError(f"report.probes{told(error)}") from None


def _parse(text: str, path: Path) -> Description:
    try:
        found = parse_json(text, _Format).format
        if found != FORMAT:
            raise CheckpointError(f"{path} has format {found}, but this version reads {FORMAT}", hint="train it again")
        file = parse_json(text, _File)
    except ValueError as error:
        raise CheckpointError(f"the description in {path} cannot be read: {error}", hint="train it again") from error
    content = {name: getattr(file, name) for name in file.__struct_fields__}
    used: dict[str, Any] = {name: part.use() for name, part in content.items() if isinstance(part, _Plugin)}
    towers = {name: tower.use() for name, tower in file.towers.items()}
    return Description(**{**content, **used, "towers": towers})


def _require_shallow(content: dict[str, Any]) -> None:
    level: list[Any] = [content]
    for _ in range(_DEEPEST + 1):
        level = [one for value in level for one in _inside(value)]
    if level:
        raise ValueError(f"options are nested more than {_DEEPEST} levels deep")


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
