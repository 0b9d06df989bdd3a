"""Writes adversarial images as 8-bit PNGs, and a manifest that describes how they were made and their effect."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robusthash.adversary import distance_to
from robusthash.contracts import IMAGE, Index, Progress
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.samples import png
from robusthash.evaluation.running.cells import PreparedCell
from robusthash.files.storage import require_space, write_atomically
from robusthash.metrics import linf, psnr, ssim
from robusthash.pixels import LEVELS, to_levels

_NEIGHBOURS = 10
_PNG = 256  #: bytes of the smallest picture: its headers, and little else


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One adversarial image.

    Attributes:
        source: the item's id.
        file: the PNG's name in the output folder.
        psnr: PSNR to the clean image, in dB.
        ssim: SSIM to the clean image, at most 1.
        linf: largest change of an element, in 8-bit levels.
        moved: distance between the codes, or descriptors, of the clean and the adversarial image.
        bits: code length; None for descriptors.
        retained: share of the clean image's ten nearest items that are among the adversarial image's ten nearest.
        clean_code: packed code of the clean image, hexadecimal; None for descriptors.
        adversarial_code: packed code of the adversarial image, likewise.
    """

    source: str
    file: str
    psnr: float
    ssim: float
    linf: int
    moved: float
    bits: int | None
    retained: float
    clean_code: str | None
    adversarial_code: str | None


def save_gallery(prepared: PreparedCell, output: Path, progress: Progress) -> list[Picture]:
    """Attacks images and writes each as a PNG, together with a ``manifest.json``.

    Args:
        prepared: the attack, its victim and the queries.
        output: folder of the files; existing ones are replaced.
        progress: called after each batch.

    Returns:
        One entry per image, in the order of the queries.

    Raises:
        CapabilityError: the queries are not images, or the attack needs something that is missing.
        PluginError: the attack failed.
        StorageError: a file cannot be written.
    """
    system = prepared.system
    names = system.resources.queries.ids
    if system.modality.name != IMAGE:
        raise CapabilityError(f"{system.modality.name}s cannot be written as images", hint="use robusthash eval")
    files = [f"{position:05d}-{Path(name).stem}.png" for position, name in enumerate(names)]
    require_space(output, len(names) * _PNG, "the images")
    pictures: list[Picture] = []
    for rows in prepared.shards:
        pictures += _batch(prepared.job, rows, names, files, output, system.database.index)
        progress(rows.stop, len(names), str(prepared.cell))
    manifest = {**_recipe(prepared), "images": [asdict(picture) for picture in pictures]}
    write_atomically(output / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    return pictures


def _batch(
    job: Job, rows: range, names: Sequence[str], files: Sequence[str], output: Path, index: Index
) -> list[Picture]:
    crafted = craft(job, rows)
    clean, delivered, space = crafted.clean, crafted.adversarial.inputs, job.victim.space
    before, after = job.victim.represent(clean), job.victim.represent(delivered)
    measured = zip(
        psnr(delivered, clean).tolist(),
        ssim(delivered, clean).tolist(),
        (linf(delivered, clean) * LEVELS).round().int().tolist(),
        distance_to(space.codes(before), space.codes(after), space).tolist(),
        _retained(index, before, after),
        _written(before),
        _written(after),
        strict=True,
    )
    levels = to_levels(delivered)
    pictures = []
    for row, image, (db, similarity, most, moved, kept, old, new) in zip(rows, levels, measured, strict=True):
        write_atomically(output / files[row], png(image))
        pictures.append(
            Picture(
                source=names[row],
                file=files[row],
                psnr=db,
                ssim=similarity,
                linf=most,
                moved=moved,
                bits=job.victim.bits,
                retained=kept,
                clean_code=old,
                adversarial_code=new,
            )
        )
    return pictures


def _written(representation: Tensor) -> list[str | None]:
    """Packed codes in hexadecimal; None for descriptors."""
    if representation.dtype != torch.uint8:
        return [None] * len(representation)
    return [bytes(row).hex() for row in representation.cpu().numpy()]


def _retained(index: Index, before: Tensor, after: Tensor) -> list[float]:
    k = min(_NEIGHBOURS, index.size)
    old, new = index.search(before.cpu(), k).ids, index.search(after.cpu(), k).ids
    return [len(set(left) & set(right)) / k for left, right in zip(old.tolist(), new.tolist(), strict=True)]


def _recipe(prepared: PreparedCell) -> dict[str, Any]:
    system, fitted, surrogate = prepared.system, prepared.record.attack.fitted, prepared.record.attack.surrogate
    return {
        "attack": asdict(prepared.attack.use),
        "fitted": asdict(fitted) if fitted else None,
        "surrogate": surrogate.identity() if surrogate else None,
        "epsilon": prepared.cell.radius.size,
        **system.victim.identity,
        "dataset": system.resources.data.name,
        "dataset_digest": system.resources.data.digest,
        "seed": system.resources.setting.seed,
    }
