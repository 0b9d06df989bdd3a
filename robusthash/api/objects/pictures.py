"""The pictures of another library's dataset: in memory, or read whenever they are used."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.api import arguments
from robusthash.api.objects.parts import Part
from robusthash.contracts import Images
from robusthash.contracts.data.framing import framed, shorter_side
from robusthash.errors import UsageError
from robusthash.photographs.decoding import BROKEN, reason, rgb_levels
from robusthash.pixels import to_levels


class PartImages(Images):
    """The pictures of some parts, one after the other.

    Args:
        parts: the parts.
        size: height and width, in pixels. Pictures of this size are taken as they are, others resized and cropped.
    """

    keeps = True

    def __init__(self, parts: Sequence[Part], size: int) -> None:
        self.size, self.resize = (size, size), shorter_side(size)
        self._places = [(part, index) for part in parts for index in range(len(part))]

    def __len__(self) -> int:
        return len(self._places)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        found = torch.empty((len(indices), 3, *self.size), dtype=torch.uint8)
        for row, position in enumerate(indices):
            part, index = self._places[position]
            found[row] = self.fitted(part.item(index)[0], part.place(index))
        return found

    def fitted(self, picture: object, place: str) -> Tensor:
        """A picture at the size: (3, h, w) uint8."""
        return framed(levels(picture, place), resize=shorter_side(self.size[0]), size=self.size[0], keeps=True)


def levels(picture: object, place: str) -> Tensor:
    """The 8-bit levels of a picture: (3, h, w) uint8.

    Args:
        picture: of Pillow; an array (h, w), (h, w, 1) or (h, w, 3) of uint8; or a tensor (h, w), (1, h, w) or (3, h, w)
            of uint8, or of floats in [0, 1].
        place: which it is, for errors.

    Raises:
        UsageError: it is something else, or its range is another.
    """
    if isinstance(picture, Image.Image):
        try:
            return torch.from_numpy(rgb_levels(picture)).permute(2, 0, 1)
        except BROKEN as error:
            raise UsageError(f"cannot read {place}: {reason(error)}", hint="leave it out, or restore it") from error
    pixels = torch.from_numpy(picture) if isinstance(picture, np.ndarray) else picture
    if not isinstance(pixels, Tensor):
        raise UsageError(f"{place} is {arguments.told(picture)}", hint="pass an image of Pillow, an array or a tensor")
    planes = pixels.unsqueeze(0) if pixels.ndim == 2 else pixels
    if isinstance(picture, np.ndarray) and planes.ndim == 3 and pixels.ndim == 3:
        planes = planes.permute(2, 0, 1)
    if planes.ndim != 3 or planes.shape[0] not in {1, 3} or 0 in planes.shape:
        raise UsageError(
            f"{place} has shape {tuple(pixels.shape)}", hint="(3, h, w) or (h, w) for tensors, (h, w, 3) for arrays"
        )
    if planes.is_floating_point():
        low, high = float(planes.min()), float(planes.max())
        if not (low >= 0 and high <= 1):
            raise UsageError(
                f"{place} ranges from {low:.3g} to {high:.3g}, outside [0, 1]",
                hint="leave Normalize out of its transform: normalisation is part of the model",
            )
        planes = to_levels(planes)
    if planes.dtype != torch.uint8:
        raise UsageError(f"{place} is {planes.dtype}", hint="pass uint8, or floats in [0, 1]")
    return planes.expand(3, -1, -1).contiguous()
