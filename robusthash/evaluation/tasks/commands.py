"""The evaluations that are no grid: training alone, and writing adversarial images."""

from pathlib import Path

from robusthash.contracts import FileImages, Progress
from robusthash.errors import InputError
from robusthash.evaluation.planning.plan import NO_DEFENSE, VictimPlan, plan
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.running.cells import make_ready
from robusthash.evaluation.running.run import check, registered_models
from robusthash.evaluation.scoring.bench import Benches
from robusthash.evaluation.tasks.gallery import Picture, save_gallery
from robusthash.evaluation.victims.making import train_checkpoint
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost
from robusthash.training import Description

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def train_victim(
    model: str, bits: int, setting: RunSettings, host: PluginHost, *, output: Path | None, progress: Progress
) -> tuple[Path, Description, bool]:
    """Trains a model, or finds it in the cache.

    Args:
        model: registered name.
        bits: code length.
        setting: dataset, backbone, options.
        host: the plugins.
        output: where the checkpoint goes; None is the cache.
        progress: called with (done, total, what).

    Returns:
        The checkpoint's path, its description, and whether it was in the cache.
    """
    resources = Resources(setting, host, progress)
    check(Request(models=(model,), attacks=(), bits=(bits,), setting=setting), resources)
    return train_checkpoint(VictimPlan(model=model, bits=bits), resources, output)


def attack_images(
    model: str,
    bits: int,
    attack: str,
    setting: RunSettings,
    host: PluginHost,
    *,
    output: Path,
    defense: str = NO_DEFENSE,
    epsilon: float | None = None,
    folder: Path | None = None,
    progress: Progress,
) -> list[Picture]:
    """Writes adversarial images of the dataset's queries, or of a folder of the user's own.

    Args:
        model: registered name, or ``path/to/file.py:build``.
        bits: code length.
        attack: registered name.
        setting: dataset, backbone, options.
        host: the plugins.
        output: where the PNGs and their manifest go.
        defense: registered name, or ``none``.
        epsilon: radius; None is the dataset's own.
        folder: of the user's images, without labels; None is the dataset's queries.
        progress: called with (done, total, what).

    Raises:
        InputError: the folder holds no images.
        DatasetError: an image cannot be read.
    """
    resources = Resources(setting, host, progress)
    epsilons = () if epsilon is None else (epsilon,)
    request = Request(
        models=(model,), attacks=(attack,), bits=(bits,), defenses=(defense,), epsilons=epsilons, setting=setting
    )
    check(request, resources)
    cell = plan(request, resources.data.epsilon, own_bits=resources.own_bits(registered_models(request)))[-1]
    images, names = (None, ()) if folder is None else _own_images(folder, resources)
    work = make_ready(cell, Benches(resources))
    return save_gallery(work, output, progress, images=images, names=names)


def _own_images(folder: Path, resources: Resources) -> tuple[FileImages, tuple[str, ...]]:
    if not folder.is_dir():
        raise InputError(f"--input {folder} is no folder", hint="name a folder of images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise InputError(f"--input {folder} holds no images", hint=f"known endings: {', '.join(sorted(_SUFFIXES))}")
    names = tuple(str(path.relative_to(folder)) for path in paths)
    return FileImages(folder, names, size=resources.data.query.images.size[0]), names
