"""Images in memory: one-hot labels, channels-first layout, resizing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import ArrayImages

_CHUNK = 1024


def one_hot(labels: Sequence[int], classes: int) -> Tensor:
    """One-hot labels of class numbers: (n,) to (n, classes) uint8."""
    rows = torch.zeros((len(labels), classes), dtype=torch.uint8)
    rows[torch.arange(len(labels)), torch.tensor(labels, dtype=torch.int64)] = 1
    return rows


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
