"""What protecting photographs leaves open: models, data, size and radius for photographs. Importable without torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from robusthash.checkpoints import Description, read_description
from robusthash.epsilon import Radius
from robusthash.errors import InputError, UnreadablePhotograph, UsageError
from robusthash.evaluation.planning.names import AnyAttack, checkpoint_path
from robusthash.evaluation.planning.request import AUTO, NO_DEFENSE, Request, RunSettings
from robusthash.photographs import list_photographs, open_photograph, require_other_folder
from robusthash.specs import Direction, Norm

EPSILON = 8 / 255  #: radius for photographs, on which it is hardly seen
ATTACK = "hinge"
#: Its options. Logits that are only just past zero come back after JPEG: it goes on until they are far beyond.
_OPTIONS = {"margin": 5.0}
_SIZE = 224  #: height and width that published weights of backbones are made for
_DATASET = "folder"  #: of one's own photographs
_MODEL, _BACKBONE = "lsh", "resnet18"  #: needs no training: published features, at random directions


Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A file that is left out.

    Attributes:
        path: of the file.
        reason: why, and how to fix it.
    """

    path: Path
    reason: str

    @classmethod
    def of(cls, path: Path, error: UnreadablePhotograph) -> Self:
        """A file that cannot be read."""
        return cls(path=path, reason=error.message + (f"; {error.hint}" if error.hint else ""))


@dataclass(frozen=True, kw_only=True)
class Found:
    """The photographs of a folder.

    Attributes:
        folder: that they are in.
        paths: of those that can be read.
        skipped: the others.
    """

    folder: Path
    paths: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def find_photographs(folder: Path, output: Path) -> Found:
    """Opens each photograph of a folder once, so that a broken one is told before anything heavy is loaded.

    Args:
        folder: with photographs.
        output: where they are delivered.

    Raises:
        InputError: the folder does not exist, or none of its files can be used.
        UsageError: both are one.
    """
    require_other_folder(folder, output)
    paths, skipped = [], []
    for path in list_photographs(folder):
        try:
            open_photograph(path)
        except UnreadablePhotograph as error:
            skipped.append(Skipped.of(path, error))
        else:
            paths.append(path)
    if not paths:
        reasons = "; ".join(one.reason for one in skipped)
        raise InputError(f"--input {folder} has no photograph that can be used: {reasons}", hint="name another folder")
    return Found(folder=folder, paths=tuple(paths), skipped=tuple(skipped))


def photograph_request(
    models: Sequence[str],
    attack: "AnyAttack | None",
    setting: RunSettings,
    *,
    bits: int = 32,
    defense: str = NO_DEFENSE,
    epsilon: Radius | Norm | float | None = None,
) -> Request:
    """A request whose open values are those for photographs.

    Args:
        models: registered names, files or checkpoints; if empty, random directions of published features.
        attack: the attack; None is the hinge, whose margin is by default wider than elsewhere.
        setting: dataset, size and the rest. The dataset is by default the one that checkpoints were trained on, or
            else the folder under its root; the size is that of the checkpoints, or else 224.
        bits: code length of models that have none of their own.
        defense: of the models.
        epsilon: radius in L-infinity; None is that for photographs.

    Raises:
        UsageError: the radius is in another norm, nothing says which photographs are searched, or checkpoints say
            different things.
        CheckpointError: a checkpoint cannot be read.
    """
    described = list(_described(models, setting))
    if setting.dataset == AUTO:
        setting = replace(setting, dataset=_dataset(described, setting))
    if setting.image_size is None:
        sizes = _agreed("image size", {name: one.image_size for name, one in described})
        setting = replace(setting, image_size=sizes or _SIZE)
    if not models and setting.backbone is None and setting.weights == "none":
        setting = replace(setting, backbone=_BACKBONE, weights="default")
    if attack in (None, ATTACK):
        options = {**setting.options, ATTACK: {**_OPTIONS, **setting.options.get(ATTACK, {})}}
        setting = replace(setting, options=options)
    return Request(
        models=tuple(models) or (_MODEL,),
        attacks=(attack or ATTACK,),
        bits=(bits,),
        defenses=(defense,),
        epsilons=(_radius(epsilon),),
        directions=(Direction.I2I,),
        setting=setting,
    )


def _radius(epsilon: Radius | Norm | float | None) -> Radius:
    if epsilon in (None, Norm.LINF):
        return Radius(size=EPSILON)
    found = Radius(size=epsilon) if isinstance(epsilon, int | float) else epsilon
    if isinstance(found, Radius) and found.norm is Norm.LINF:
        return found
    raise UsageError(
        f"photographs are changed within L-infinity, not {found}",
        hint="--epsilon 8/255: what is seen depends on the change of a pixel, and not on their number",
    )


def _described(models: Sequence[str], setting: RunSettings) -> Iterator[tuple[str, Description]]:
    paths = [path for model in models if (path := checkpoint_path(model)) is not None]
    if setting.checkpoint is not None:
        paths.append(setting.checkpoint)
    for path in paths:
        yield str(path), read_description(path)


def _dataset(described: Sequence[tuple[str, Description]], setting: RunSettings) -> str:
    trained_on = _agreed("dataset", {name: one.dataset for name, one in described})
    if trained_on is not None:
        return trained_on
    if setting.data_root is not None:
        return _DATASET
    raise UsageError(
        "photographs are judged by what they retrieve, and nothing says which photographs are searched",
        hint="name a folder with a folder of photographs for each class: --dataset folder --data-root DIR",
    )


def _agreed(what: str, values: Mapping[str, Value]) -> Value | None:
    """What all checkpoints say; None if there is none.

    Raises:
        UsageError: they differ.
    """
    found = list(dict.fromkeys(values.values()))
    if len(found) > 1:
        raise UsageError(
            f"models differ in their {what}: " + ", ".join(f"{name} {value}" for name, value in values.items()),
            hint=f"name models of one {what}",
        )
    return found[0] if found else None
