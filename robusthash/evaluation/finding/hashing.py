"""Hashes a folder of pictures, or a split of a dataset."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Inputs, Randomness, Split, isolated_randomness, represented
from robusthash.errors import CheckpointError, InputError
from robusthash.evaluation.finding.hashed import Hashed, Maker, Source
from robusthash.evaluation.finding.pictures import Pictures
from robusthash.evaluation.victims.codes import cached_representation
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.victim import Victim
from robusthash.files.contents import file_state
from robusthash.files.paths import as_text
from robusthash.files.snapshots import Snapshots
from robusthash.files.storage import digest
from robusthash.training import encode

_CHUNK = 4096  #: pictures that are hashed before they are packed, and before a snapshot may be taken
_ITEMS = "items"


def hash_pictures(
    victim: Victim,
    model: HashModel,
    pictures: Pictures,
    resources: Resources,
    *,
    partial: Path | None = None,
) -> Hashed:
    """Hashes pictures; those that cannot be read are left out. Of each picture, memory holds its code alone.

    Args:
        victim: the model.
        model: its tower of images.
        pictures: the pictures.
        resources: device and progress.
        partial: file of the unfinished work, from which a killed run resumes; None keeps none.

    Raises:
        InputError: no picture can be read.
        StorageError: the unfinished work cannot be written.
    """
    made = Maker.of(victim, model, pictures)
    snapshots = Snapshots(partial, "" if partial is None else _identity(made, pictures))
    parts, done = _resumed(snapshots, pictures)
    for rows in _chunks(done, len(pictures)):
        parts.append(represent(model, pictures, rows, resources))
        if snapshots.due:
            about = {"done": rows.stop, "broken": [[row, why] for row, why in pictures.broken.items()]}
            snapshots.save({_ITEMS: torch.cat(parts)}, about)
    kept = [row for row in range(len(pictures)) if row not in pictures.broken]
    skipped = tuple((pictures.names[row], why) for row, why in sorted(pictures.broken.items()))
    if not kept:
        raise InputError(
            f"none of the {len(pictures)} pictures can be read; the first: {skipped[0][1]}",
            hint="name pictures in a format that Pillow decodes",
        )
    snapshots.remove()
    items = torch.cat(parts)
    return Hashed(
        made=made,
        representation=items if len(kept) == len(items) else items[kept],
        names=tuple(pictures.names[row] for row in kept),
        source=Source(folder=as_text(str(pictures.root.absolute()))),
        skipped=skipped,
    )


def hash_split(victim: Victim, model: HashModel, split: Split, resources: Resources) -> Hashed:
    """Hashes a split of a dataset, or finds its codes in the cache.

    Args:
        victim: the model.
        model: its tower for one of the split's modalities.
        split: the items.
        resources: the dataset.

    Raises:
        CapabilityError: the split has no inputs for the tower.
        DatasetError: an item cannot be read.
    """
    items = cached_representation(
        model, digest(victim.identity), split, device=resources.device, progress=resources.progress
    )
    return Hashed(
        made=Maker.of(victim, model, split.view(model.modality.name)),
        representation=items,
        names=split.ids,
        source=Source(dataset=resources.data.name, split=split.name),
        classes=resources.data.classes,
        labels=split.labels,
    )


def represent(model: HashModel, view: Inputs, rows: range, resources: Resources) -> Tensor:
    """Packed codes, (n, ceil(bits / 8)) uint8, or descriptors, (n, d) float32, of some items, on the CPU.

    Args:
        model: on the device.
        view: the items.
        rows: positions of some of them.
        resources: device and progress.
    """

    def told(done: int, _total: int) -> None:
        resources.progress(rows.start + done, len(view), "hashing")

    # A randomised model draws the same numbers whenever these rows are hashed.
    nobody = torch.empty(0, dtype=torch.int64, device=resources.device)
    with isolated_randomness(Randomness(seed=0, purpose=f"hashing from {rows.start}"), nobody):
        logits = encode(model, view, device=resources.device, indices=torch.tensor(rows), progress=told)
    return represented(model, logits).cpu()


def _chunks(start: int, stop: int) -> Iterator[range]:
    for first in range(start, stop, _CHUNK):
        yield range(first, min(first + _CHUNK, stop))


def _identity(made: Maker, pictures: Pictures) -> str:
    """All that the unfinished work depends on: the model, and the state of every file."""
    states = [[ascii(name), file_state(pictures.root / name, settled=False)] for name in pictures.names]
    plain = {name: str(value) for name, value in vars(replace(made)).items()}
    return digest({"made": plain, "root": ascii(str(pictures.root.absolute())), "files": states})


def _resumed(snapshots: Snapshots, pictures: Pictures) -> tuple[list[Tensor], int]:
    """What a killed run has done: its parts, and how many pictures that are."""
    try:
        found = snapshots.load()
    except CheckpointError:  # of other pictures, of another model, or damaged: it is replaced
        return [], 0
    if found is None:
        return [], 0
    pictures.broken.update((int(row), str(why)) for row, why in found.about["broken"])
    return [found.tensors[_ITEMS]], int(found.about["done"])
