"""Adversarial images on disk: 8-bit PNGs, and a manifest that says what made each and what it does."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.adversary import TargetSelector
from robusthash.contracts import Images, Index, Progress
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.shards import shard_ranges
from robusthash.evaluation.running.cells import CellWork
from robusthash.hashing import hamming, pack
from robusthash.metrics import linf, psnr, ssim
from robusthash.pixels import from_levels, to_levels
from robusthash.specs import Capability
from robusthash.storage import write_atomically

_NEIGHBOURS = 10


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One adversarial image.

    Attributes:
        source: the item's id, or the user's file.
        file: the PNG's name in the output folder.
        psnr: to the clean image, in dB.
        ssim: to the clean image.
        linf: largest change of an element, in 8-bit levels.
        moved: Hamming distance between the clean and the adversarial code.
        bits: code length.
        retained: share of the clean image's ten nearest database items that are still among the adversarial one's.
        clean_code: packed, hexadecimal.
        adversarial_code: packed, hexadecimal.
    """

    source: str
    file: str
    psnr: float
    ssim: float
    linf: int
    moved: int
    bits: int
    retained: float
    clean_code: str
    adversarial_code: str


def save_gallery(
    work: CellWork, output: Path, progress: Progress, *, images: Images | None = None, names: Sequence[str] = ()
) -> list[Picture]:
    """Attacks images and writes each as a PNG, with ``manifest.json`` beside them.

    Args:
        work: the attack and its victim.
        output: the folder; files of the same names are replaced.
        progress: called after each batch.
        images: the user's own, of the model's size and without labels; None is the dataset's queries.
        names: the images' lasting names, for ``images``.

    Raises:
        StorageError: a file cannot be written.
        PluginError: the attack failed.
    """
    bench = work.bench
    job = work.job if images is None else _own(work, images)
    names = bench.queries.ids if images is None else names
    files = [f"{position:05d}-{Path(name).stem}.png" for position, name in enumerate(names)]
    pictures: list[Picture] = []
    for rows in shard_ranges(len(names), bench.resources.shard_size):
        pictures += _batch(job, rows, names, files, output, bench.database.index)
        progress(rows.stop, len(names), str(work.cell))
    manifest = {**_recipe(work), "images": [asdict(picture) for picture in pictures]}
    write_atomically(output / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    return pictures


def _batch(
    job: Job, rows: range, names: Sequence[str], files: Sequence[str], output: Path, index: Index
) -> list[Picture]:
    crafted = craft(job, rows)
    clean, delivered = crafted.clean, crafted.adversarial.inputs
    levels = to_levels(delivered)
    before, after = job.victim.codes(clean), job.victim.codes(from_levels(levels))
    retained = _retained(index, pack(before), pack(after))
    measured = zip(
        psnr(delivered, clean).tolist(),
        ssim(delivered, clean).tolist(),
        to_levels(linf(delivered, clean)).tolist(),
        hamming(before, after).tolist(),
        retained,
        (bytes(row).hex() for row in pack(before).cpu().numpy()),
        (bytes(row).hex() for row in pack(after).cpu().numpy()),
        strict=True,
    )
    pictures = []
    for row, image, (db, similarity, most, moved, kept, old, new) in zip(rows, levels, measured, strict=True):
        write_atomically(output / files[row], _png(image))
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


def _own(work: CellWork, images: Images) -> Job:
    """The cell's job on images of the user's own: they have no labels, so any label of the database is a target."""
    resources = work.bench.resources
    if Capability.LABELS in work.job.attack.needs:
        raise CapabilityError(
            f"attack {work.cell.attack!r} needs labels, and images of your own have none", hint="use rnm, hag or hinge"
        )
    ids = torch.arange(len(images))
    job = replace(work.job, images=images, ids=ids, labels=None)
    if job.anchors is None and job.targets is None:
        return job
    database = resources.data.database.labels
    unlabelled = torch.zeros((len(ids), database.shape[1]), dtype=torch.uint8)
    targets = TargetSelector(seed=resources.setting.seed).select(unlabelled, ids, database)
    return replace(job, targets=targets.labels, anchors=targets.anchor_codes(work.bench.database_codes))


def _retained(index: Index, before: Tensor, after: Tensor) -> list[float]:
    k = min(_NEIGHBOURS, index.size)
    old, new = index.search(before.cpu(), k).ids, index.search(after.cpu(), k).ids
    return [len(set(left) & set(right)) / k for left, right in zip(old.tolist(), new.tolist(), strict=True)]


def _png(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())).save(buffer, format="PNG")
    return buffer.getvalue()


def _recipe(work: CellWork) -> dict[str, Any]:
    bench = work.bench
    return {
        "attack": asdict(work.attack.use),
        "epsilon": work.cell.epsilon,
        **bench.victim.identity,
        "dataset": bench.resources.data.name,
        "dataset_digest": bench.resources.data.digest,
        "seed": bench.resources.setting.seed,
    }
