"""Images in memory: one-hot labels, channels-first layout, resizing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import ArrayImages
from robusthash.errors import DatasetError

_CHUNK = 1024


def one_hot(labels: Sequence[int], classes: int) -> Tensor:
    """One-hot labels of class numbers: (n,) to (n, classes) uint8."""
    rows = torch.zeros((len(labels), classes), dtype=torch.uint8)
    rows[torch.arange(len(labels)), torch.tensor(labels, dtype=torch.int64)] = 1
    return rows


def zeros_and_ones(values: np.ndarray, name: str, *, hint: str) -> np.ndarray:
    """A matrix of labels as (n, classes) uint8.

    Args:
        values: (n, classes) numbers or booleans.
        name: of the matrix, for errors.
        hint: how to get a right one, for errors.

    Raises:
        DatasetError: it has another number of axes, or a value that is neither 0 nor 1; row and column are named.

    >>> zeros_and_ones(np.array([[0.0, 1.0]]), "Y", hint="")
    array([[0, 1]], dtype=uint8)
    """
    if values.ndim != 2 or values.dtype.kind not in "buif":
        numbers = " of class numbers" if values.ndim == 1 and values.dtype.kind in "iu" else ""
        raise DatasetError(
            f"{name} is {values.dtype} {values.shape}{numbers}, not a row of zeros and ones for each item", hint=hint
        )
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        row, column = wrong[0].tolist()
        what = f"{values[row, column]} is neither 0 nor 1"
        raise DatasetError(f"{name}, row {row + 1}, column {column + 1}: {what}", hint=hint)
    return np.ascontiguousarray(values, dtype=np.uint8)


def in_memory(pixels: np.ndarray, size: int | None) -> ArrayImages:
    """Images in memory, resized if a size is given.

    Args:
        pixels: (n, h, w, 3) uint8.
        size: height and width; None keeps them.
    """
    array = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    if size is None or array.shape[2:] == (size, size):
        return ArrayImages(array)
    from torchvision.transforms.v2 import functional  # slow to import, and few need it

    out = torch.empty((len(array), 3, size, size), dtype=torch.uint8)
    for start in range(0, len(array), _CHUNK):
        out[start : start + _CHUNK] = functional.resize(array[start : start + _CHUNK], [size, size], antialias=True)
    return ArrayImages(out)


def fitted(pixels: Tensor, size: int | None) -> ArrayImages:
    """Images in memory, at a size: as photographs are, their shorter side is resized and the centre is cropped.

    Args:
        pixels: (n, 3, h, w) uint8.
        size: height and width; None keeps them.
    """
    height, width = pixels.shape[2:]
    if size is None or (height, width) == (size, size):
        return ArrayImages(pixels)
    from torchvision.transforms.v2 import functional  # slow to import, and few need it

    out = torch.empty((len(pixels), 3, size, size), dtype=torch.uint8)
    for start in range(0, len(pixels), _CHUNK):
        part = functional.resize(pixels[start : start + _CHUNK], [size], antialias=True)
        out[start : start + _CHUNK] = functional.center_crop(part, [size, size])
    return ArrayImages(out)
