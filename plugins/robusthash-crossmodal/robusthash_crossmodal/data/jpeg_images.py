"""Images as bytes of JPEG files in one array, which are decoded when they are read."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import Images
from robusthash.errors import DatasetError
from robusthash.files.opening import DAMAGED

_BROKEN: tuple[type[Exception], ...] = (*DAMAGED, Image.DecompressionBombError)
_SLIMMEST = 64  #: largest ratio of the sides: a slimmer image, resized, would fill the memory


class JpegImages(Images):
    """Images in one run of bytes, each the content of a JPEG file.

    Args:
        content: bytes of all files.
        starts: (n,) the first byte of each.
        ends: (n,) the byte after the last of each.
        size: height and width that they are delivered in, in pixels: the shorter side is resized, the centre cropped.
        file: where they are from, for errors.
    """

    def __init__(self, content: bytes, starts: Sequence[int], ends: Sequence[int], *, size: int, file: Path) -> None:
        self.content = content
        self.starts, self.ends = list(starts), list(ends)
        self.size = (size, size)
        self.file = file

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        found = torch.empty((len(indices), 3, *self.size), dtype=torch.uint8)
        for row, index in enumerate(indices):
            found[row] = self._decoded(index)
        return found

    def identity(self) -> bytes:
        """SHA-256 of size and content."""
        sha = hashlib.sha256(f"{self.size}".encode())
        for start, end in zip(self.starts, self.ends, strict=True):
            sha.update(self.content[start:end])
        return sha.digest()

    def _decoded(self, index: int) -> Tensor:
        start, end = self.starts[index], self.ends[index]
        try:
            # JPEG alone: other formats of a stranger's file have no business here, and some are programs.
            with Image.open(io.BytesIO(self.content[start:end]), formats=("JPEG",)) as image:
                if max(image.size) > _SLIMMEST * min(image.size):
                    raise ValueError(f"its {image.width}x{image.height} pixels are not a photograph")
                pixels = np.array(image.convert("RGB"))
        except _BROKEN as error:
            raise DatasetError(
                f"{self.file}: image {index} cannot be read: {error}", hint="copy the file again"
            ) from error
        return _fit(torch.from_numpy(pixels).permute(2, 0, 1), self.size[0])


def _fit(image: Tensor, size: int) -> Tensor:
    if min(image.shape[1:]) != size:
        from torchvision.transforms.v2 import functional  # slow to import, and only some need it

        image = functional.resize(image, [size], antialias=True)
    top, left = ((length - size) // 2 for length in image.shape[1:])
    return image[:, top : top + size, left : left + size].contiguous()
