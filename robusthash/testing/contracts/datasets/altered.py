"""A dataset with other pixels in the same places: in its image files, or in its arrays."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from robusthash.contracts import Dataset, DatasetContext, Images, RetrievalData, Split

_LARGEST = 64 * 2**20  #: bytes of a folder that is copied


def altered(dataset: Dataset, context: DatasetContext, data: RetrievalData, folder: Path) -> RetrievalData | None:
    """The dataset with other pixels, loaded again.

    Args:
        dataset: the dataset.
        context: where its files are.
        data: what it loads from them.
        folder: a new folder, for altered copies of its files.

    Returns:
        The altered data, the first query's pixels among them; None if neither files nor arrays could be altered.
    """
    found = _of_files(dataset, context, folder) or _of_arrays(data)
    if found is None or torch.equal(found.query.images.read([0]), data.query.images.read([0])):
        return None
    return found


def _of_files(dataset: Dataset, context: DatasetContext, folder: Path) -> RetrievalData | None:
    root = context.root
    if root is None or not root.is_dir() or _size(root) > _LARGEST:
        return None
    shutil.copytree(root, folder)
    if not sum(_inverted(path) for path in sorted(folder.rglob("*")) if path.is_file()):
        return None
    return dataset.load(replace(context, root=folder))


def _size(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _inverted(path: Path) -> bool:
    """Writes the negative of a picture into its file; False if it is not one."""
    try:
        with Image.open(path) as image:
            kind, picture = image.format, ImageOps.invert(image.convert("RGB"))
    except (UnidentifiedImageError, OSError):
        return False
    picture.save(path, format=kind)
    return True


def _of_arrays(data: RetrievalData) -> RetrievalData | None:
    """The data with inverted bytes in all arrays of its queries' images."""
    images = deepcopy(data.query.images)
    arrays = list(_arrays(images))
    for array in arrays:
        array ^= 255
    query = Split.of_images(name="query", images=images, labels=data.query.labels, ids=data.query.ids)
    return replace(data, query=query) if arrays else None


def _arrays(images: Images) -> Iterator[Tensor | np.ndarray]:
    """The arrays of bytes that some images hold, or those that they are taken from."""
    for value in vars(images).values():
        if isinstance(value, Images):
            yield from _arrays(value)
        elif isinstance(value, Tensor | np.ndarray) and value.dtype in {torch.uint8, np.dtype(np.uint8)}:
            yield value
