"""Pictures of what an attack makes of a few train images while it learns."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import PIXELS, Modality
from robusthash.files.storage import write_atomically
from robusthash.pixels import to_levels

_MOST = 8  #: images in a row
_SIDE = 64  #: pixels; smaller images are enlarged to at least this
_GAP = 2  #: pixels between images


class Samples:
    """Writes one PNG for each epoch that an attack shows.

    Args:
        folder: of the pictures.
        modality: of the inputs; what is not in pixel space makes no picture.
    """

    def __init__(self, folder: Path, modality: Modality) -> None:
        self._folder = folder
        self._images = modality.box == PIXELS

    def __call__(self, epoch: int, clean: Tensor, attacked: Tensor) -> None:
        """Writes a picture: three rows, the clean images, the attacked ones, and their difference.

        Args:
            epoch: epochs done, which name the file.
            clean: (n, 3, h, w) float in [0, 1]; the first eight are shown.
            attacked: the same shape.

        Raises:
            StorageError: it cannot be written.
        """
        if self._images and len(clean):
            write_atomically(self._folder / f"{epoch:05d}.png", png(grid(clean, attacked)))


def grid(clean: Tensor, attacked: Tensor) -> Tensor:
    """Clean images, attacked images, and their differences, in three rows.

    A difference is drawn around grey, stretched so that the largest one of all spans the range.

    Args:
        clean: (n, 3, h, w) float in [0, 1].
        attacked: the same shape.

    Returns:
        (3, height, width) uint8.
    """
    clean, attacked = clean[:_MOST].detach().cpu().float(), attacked[:_MOST].detach().cpu().float()
    difference = attacked - clean
    largest = difference.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    rows = torch.stack([clean, attacked.clamp(0, 1), 0.5 + difference / (2 * largest)])
    zoom = max(1, -(-_SIDE // min(clean.shape[2:])))
    large = rows.repeat_interleave(zoom, 3).repeat_interleave(zoom, 4)
    framed = torch.nn.functional.pad(large, (0, _GAP, 0, _GAP), value=1.0)
    count, channels, height, width = framed.shape[1:]
    laid = framed.permute(2, 0, 3, 1, 4).reshape(channels, 3 * height, count * width)
    return to_levels(laid[:, :-_GAP, :-_GAP])


def png(image: Tensor) -> bytes:
    """An image (3, h, w) uint8 as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())).save(buffer, format="PNG")
    return buffer.getvalue()
