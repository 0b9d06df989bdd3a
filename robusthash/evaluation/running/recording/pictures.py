"""Pictures of a cell's worst queries: what was delivered, what it was found beside, and where the victim looks."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.boundary import foreign
from robusthash.contracts import IMAGE, Images, Inputs, Randomness, isolated_randomness, read_inputs, read_pixels
from robusthash.errors import CapabilityError, InputError, RobustHashError, RobustHashWarning, StorageError
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.explaining import grad_cam
from robusthash.pixels import LEVELS, from_levels, to_levels
from robusthash.results import ADVERSARIAL, CLEAN, Pictures, QueryArrays, Record, ResultStore
from robusthash.results.records.arrays import PIXELS, input_digest
from robusthash.results.records.pictures import SHOWN, worst_queries

_SIDE = 96  #: pixels of a thumbnail's longer side, at most
_READ = 64  #: images that are read at once
_AGAIN = "were made again and came out otherwise, on another device, or with other versions or threads"


def shows_images(prepared: PreparedCell) -> bool:
    """Whether the queries of a cell are images, so that there are pictures of them."""
    return prepared.system.modality.name == IMAGE


def add_pictures(prepared: PreparedCell, record: Record, store: ResultStore, count: int) -> None:
    """Keeps pictures of the worst queries of a stored record, unless as many are kept already.

    A record is no worse without its pictures: whatever hinders them is a warning.

    Args:
        prepared: the cell.
        record: its record, which is stored.
        store: where it is stored.
        count: how many queries.

    Raises:
        StorageError: they cannot be written.
    """
    if not count or not shows_images(prepared):
        return
    arrays = store.arrays(record)
    rows = worst_queries(record, arrays, count)
    try:
        kept = store.pictures(record)
    except InputError:  # of an earlier run, or damaged
        kept = None
    if kept is not None and np.isin(rows, kept.rows).all():
        return
    try:
        pictures = pictures_of(prepared, rows.tolist(), arrays)
    except StorageError:
        raise
    except RobustHashError as error:
        warnings.warn(f"no pictures of {prepared.cell}: {error}", RobustHashWarning, stacklevel=2)
        return
    lost = len(rows) - len(pictures)
    if lost:
        told = f"no pictures of {lost} of the {len(rows)} worst queries of {prepared.cell}: they {_AGAIN}"
        warnings.warn(told, RobustHashWarning, stacklevel=2)
    store.save_pictures(record, pictures)


def pictures_of(prepared: PreparedCell, rows: Sequence[int], arrays: QueryArrays) -> Pictures:
    """Pictures of some queries of a record, made with the cell that it is of.

    What the run has delivered is read again where the run still has it, and otherwise made again from whole shards,
    which have the compute shape of the run. Images whose digests are not the record's are left out.

    Args:
        prepared: the cell.
        rows: positions of the queries in the record's arrays.
        arrays: of the record.

    Returns:
        Of the queries whose images are exactly those of the record, in the order of ``rows``.

    Raises:
        CapabilityError: the queries are no images.
        InputError: the record has no digests of its images, or arrays of other queries.
        PluginError: the attack failed.
        DatasetError: an item cannot be read.
        MemoryLimitError: a single input does not fit into memory.
    """
    if not shows_images(prepared):
        raise CapabilityError(
            f"a query of {prepared.cell} is a {prepared.system.modality.name}, of which there is no picture",
            hint="keep pictures of directions that start with an i",
        )
    digests, queries = arrays.column(PIXELS), len(prepared.system.resources.queries)
    if len(digests) != queries:
        raise InputError(
            f"the record has arrays of {len(digests)} queries, and its cell {queries}",
            hint="evaluate again with --force",
        )
    made = _delivered(prepared, rows)
    same = [row for row in rows if np.array_equal(input_digest(made[row][1]), digests[row])]
    blank = np.empty((0, *prepared.system.modality.shape), np.uint8)
    clean, adversarial = (np.stack([made[row][stage] for row in same]) if same else blank for stage in (0, 1))
    items = _shown(prepared, arrays, same)
    thumbnails = _thumbnails(_searched(prepared), items.tolist())
    heat = [_heat(prepared, images, same) if same else None for images in (clean, adversarial)]
    return Pictures(
        rows=np.array(same, np.int64),
        clean=_upright(clean),
        adversarial=_upright(adversarial),
        items=items[: len(thumbnails)],
        item_images=thumbnails,
        cam_clean=heat[0],
        cam_adversarial=heat[1],
    )


def _delivered(prepared: PreparedCell, rows: Sequence[int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The clean and the adversarial image of each row, (3, h, w) uint8."""
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for shard in prepared.shards:
        inside = [row for row in rows if row in shard]
        if inside:
            crafted = craft(prepared.job, shard)
            at = [row - shard.start for row in inside]
            both = (to_levels(images[at]).cpu().numpy() for images in (crafted.clean, crafted.adversarial.inputs))
            found.update(zip(inside, zip(*both, strict=True), strict=True))
    return found


def _heat(prepared: PreparedCell, images: np.ndarray, rows: Sequence[int]) -> np.ndarray | None:
    """Grad-CAM of images, (n, h, w) uint8; None if the victim cannot be explained."""
    system = prepared.system
    resources = system.resources
    ids = torch.tensor([resources.positions[row] for row in rows], device=resources.device)
    random = Randomness(seed=resources.setting.seed, purpose="grad-cam")
    try:
        with isolated_randomness(random, ids), foreign(system.query_model, "be explained"):
            found = grad_cam(system.query_model, from_levels(torch.from_numpy(images)).to(resources.device))
    except CapabilityError:
        return None
    return (found.relative * LEVELS).round().to(torch.uint8).numpy()


def _searched(prepared: PreparedCell) -> Inputs:
    system = prepared.system
    return system.resources.data.database.view(system.direction.item)


def _shown(prepared: PreparedCell, arrays: QueryArrays, rows: Sequence[int]) -> np.ndarray:
    """Positions in the database of the nearest items of some queries, before and after, each once and ascending."""
    stages = [arrays.neighbours[stage] for stage in (CLEAN, ADVERSARIAL) if stage in arrays.neighbours]
    found = np.unique(np.concatenate([np.empty(0, np.int64), *(ids[rows, :SHOWN].ravel() for ids in stages)]))
    found = found.astype(np.int64)
    return found[(found >= 0) & (found < len(_searched(prepared)))]  # arrays may come from a stranger


def _thumbnails(view: Inputs, items: Sequence[int]) -> np.ndarray:
    """Items at most :data:`_SIDE` pixels high and wide, (n, h, w, 3) uint8; none if they are no images."""
    if view.modality.name != IMAGE:
        return np.empty((0, 1, 1, 3), np.uint8)
    found = [
        _reduced(image)
        for start in range(0, len(items), _READ)
        for image in _upright(_pixels(view, items[start : start + _READ]).numpy())
    ]
    return np.stack(found) if found else np.empty((0, 1, 1, 3), np.uint8)


def _pixels(view: Inputs, items: Sequence[int]) -> Tensor:
    with foreign(view, "be read"):
        return read_pixels(view, items) if isinstance(view, Images) else to_levels(read_inputs(view, items))


def _reduced(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    share = _SIDE / max(height, width)
    if share >= 1:
        return image
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BICUBIC))


def _upright(images: np.ndarray) -> np.ndarray:
    """Images (n, 3, h, w) as (n, h, w, 3)."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))
