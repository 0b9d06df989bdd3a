"""Writes adversarial images as 8-bit PNGs, and a manifest that describes how they were made and their effect."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from robusthash.contracts import Index, Progress
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.samples import png
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.tasks.effect import Effect, effects, recipe
from robusthash.files.storage import require_space, write_atomically
from robusthash.metrics import linf, psnr, ssim
from robusthash.pixels import LEVELS, to_levels

_PNG = 256  #: bytes of the smallest picture: its headers, and little else


@dataclass(frozen=True, kw_only=True)
class Picture(Effect):
    """One adversarial image.

    Attributes:
        source: the item's id.
        file: the PNG's name in the output folder.
        psnr: PSNR to the clean image, in dB.
        ssim: SSIM to the clean image, at most 1.
        linf: largest change of an element, in 8-bit levels.
    """

    source: str
    file: str
    psnr: float
    ssim: float
    linf: int


def save_gallery(prepared: PreparedCell, output: Path, progress: Progress) -> list[Picture]:
    """Attacks images and writes each as a PNG, together with a ``manifest.json``.

    Args:
        prepared: the attack, its victim and the queries.
        output: folder of the files; existing ones are replaced.
        progress: called after each batch.

    Returns:
        One entry per image, in the order of the queries.

    Raises:
        CapabilityError: the attack needs something that is missing.
        PluginError: the attack failed.
        StorageError: a file cannot be written.
    """
    system = prepared.system
    names = system.resources.queries.ids
    files = [f"{position:05d}-{Path(name).stem}.png" for position, name in enumerate(names)]
    require_space(output, len(names) * _PNG, "the images")
    pictures: list[Picture] = []
    for rows in prepared.shards:
        pictures += _batch(prepared.job, rows, names, files, output, system.database.index)
        progress(rows.stop, len(names), str(prepared.cell))
    manifest = {**recipe(prepared), "images": [asdict(picture) for picture in pictures]}
    write_atomically(output / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    return pictures


def _batch(
    job: Job, rows: range, names: Sequence[str], files: Sequence[str], output: Path, index: Index
) -> list[Picture]:
    crafted = craft(job, rows)
    clean, delivered = crafted.clean, crafted.adversarial.inputs
    measured = zip(
        psnr(delivered, clean).tolist(),
        ssim(delivered, clean).tolist(),
        (linf(delivered, clean) * LEVELS).round().int().tolist(),
        effects(job, crafted, index),
        strict=True,
    )
    pictures = []
    for row, image, (db, similarity, most, effect) in zip(rows, to_levels(delivered), measured, strict=True):
        write_atomically(output / files[row], png(image))
        pictures.append(Picture(source=names[row], file=files[row], psnr=db, ssim=similarity, linf=most, **effect))
    return pictures
