"""Changes photographs so that they no longer retrieve what they show, and delivers, judges and describes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from robusthash.contracts import IMAGE, FileImages, Progress, Split
from robusthash.contracts.data.framing import shorter_side
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError, UnreadablePhotograph
from robusthash.evaluation.crafting.preparing import make_job
from robusthash.evaluation.planning.photographs import Found, Skipped
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.protecting.crafting import Maker, Protection
from robusthash.evaluation.protecting.judging import Judge, read_after
from robusthash.evaluation.protecting.outcome import Protected
from robusthash.evaluation.running.preparing.checking import check, check_fitted, known
from robusthash.evaluation.victims.networks import side
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.files.storage import write_atomically
from robusthash.host import PluginHost
from robusthash.metrics import psnr
from robusthash.photographs import open_photograph, write_photograph
from robusthash.pixels import from_levels
from robusthash.results import PluginUse

MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Delivered photographs, with how they were made.

    Attributes:
        attack: with its options.
        recipe: radius, models, data and seed, as plain values.
        photographs: one entry each, in the order of their names.
        skipped: files that were left out.
    """

    attack: PluginUse
    recipe: Mapping[str, Any]
    photographs: tuple[Protected, ...]
    skipped: tuple[Skipped, ...]

    def plain(self) -> dict[str, Any]:
        """The content of the manifest."""
        return {
            "attack": asdict(self.attack),
            **self.recipe,
            "photographs": [asdict(one) for one in self.photographs],
            "skipped": [{"source": one.path.name, "reason": one.reason} for one in self.skipped],
        }


def protect_photographs(
    request: Request,
    found: Found,
    host: PluginHost,
    *,
    output: Path,
    options: Protection,
    keep_location: bool = False,
    progress: Progress,
) -> Delivery:
    """Changes photographs for all models of a request together, writes them, and judges the written files.

    Args:
        request: the models, one attack and one radius.
        found: the photographs.
        host: the plugins.
        output: folder of the photographs and their manifest.
        options: how they are changed.
        keep_location: whether they keep where they were taken.
        progress: called after each photograph.

    Returns:
        What the manifest says.

    Raises:
        UsageError: a name or an option is wrong.
        DatasetError: the dataset cannot be read.
        CapabilityError: the attack cannot be made on photographs, or needs something that is missing.
        StorageError: a file cannot be written.
    """
    resources = Resources(request.setting, host, progress)
    check(request, resources)
    cells = [cell for cell in plan(request, known(request, resources)) if cell.attack in (request.attacks or ())]
    check_fitted(cells, resources)
    size, resize, keeps = _loader(resources)
    resources.attack_instead(_queries(found, resources, size, resize, keeps=keeps))
    systems = Systems(resources)
    try:
        chosen = [systems.get(cell.victim, cell.direction) for cell in cells]
        attack, radius = resources.plugins.attack(cells[0].attack), cells[0].radius
        maker = Maker(
            jobs=[make_job(attack, system, system, radius, {}) for system in chosen],
            resize=resize,
            size=size,
            keeps=keeps,
            options=options,
        )
        judges = {str(cell.victim): Judge(system) for cell, system in zip(cells, chosen, strict=True)}
        protected, skipped = [], list(found.skipped)
        for row, path in enumerate(found.paths):
            try:
                protected.append(_deliver(path, row, output, maker, judges, keep_location=keep_location))
            except UnreadablePhotograph as error:  # it has changed since it was found
                skipped.append(Skipped.of(path, error))
            progress(row + 1, len(found.paths), "photographs")
        recipe = _recipe(resources, chosen, radius, options, judges)
    finally:
        systems.close()
    delivery = Delivery(attack=attack.use, recipe=recipe, photographs=tuple(protected), skipped=tuple(skipped))
    write_atomically(output / MANIFEST, (json.dumps(delivery.plain(), indent=2) + "\n").encode())
    return delivery


def _loader(resources: Resources) -> tuple[int, int, bool]:
    """How the dataset's loader reads: rows and columns, the shorter side before, and whether it keeps that size.

    Raises:
        CapabilityError: the dataset's queries are not images.
    """
    data = resources.data
    if IMAGE not in data.modalities:
        raise CapabilityError(f"dataset {data.name} has no images", hint="choose a dataset of photographs")
    size = side(data.modalities[IMAGE])
    images = data.query.images
    return size, images.resize or shorter_side(size), images.keeps


def _queries(found: Found, resources: Resources, size: int, resize: int, *, keeps: bool) -> Split:
    """The photographs. They have no labels, so every label of the database may be a target."""
    names = tuple(path.name for path in found.paths)
    images = FileImages(found.folder, names, size=size, resize=resize, keeps=keeps)
    labels = torch.zeros((len(names), resources.data.database.labels.shape[1]), dtype=torch.uint8)
    return Split.of_images(name="query", images=images, labels=labels, ids=names)


def _deliver(
    path: Path,
    row: int,
    output: Path,
    maker: Maker,
    judges: Mapping[str, Judge],
    *,
    keep_location: bool,
) -> Protected:
    photograph = open_photograph(path)
    pixels = maker(photograph.pixels, row, photograph.metadata.orientation)
    written = write_photograph(photograph, pixels, output, keep_location=keep_location)
    delivered = open_photograph(written.path).pixels
    clean, changed = (
        from_levels(torch.from_numpy(one.copy()).permute(2, 0, 1)[None]) for one in (photograph.pixels, delivered)
    )
    pictures = [
        read_after(file, shown, resize=maker.resize, size=maker.size, keeps=maker.keeps)
        for file, shown in ((path, photograph.pixels), (written.path, delivered))
    ]
    return Protected(
        source=path.name,
        file=written.path.name,
        psnr=float(psnr(changed, clean)),
        notes=written.notes,
        judged={name: judge(*pictures) for name, judge in judges.items()},
    )


def _recipe(
    resources: Resources, systems: Sequence[System], radius: Radius, options: Protection, judges: Mapping[str, Judge]
) -> dict[str, Any]:
    data = resources.data
    return {
        "epsilon": radius.size,
        "radius": str(radius),
        **asdict(options),
        "models": [system.victim.identity for system in systems],
        "dataset": data.name,
        "dataset_digest": data.digest,
        "voters": {name: judge.voters for name, judge in judges.items()},
        "seed": resources.setting.seed,
    }
