"""What a model sees of a photograph, as two matrices: crops, scales and resizing are linear in its pixels."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from robusthash.contracts.data.framing import Frame

NUMBERS = 4  #: uniform numbers that a random view is drawn by


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What may happen to a photograph before a model reads it.

    Attributes:
        crop: smallest share of each side that a crop leaves, at a random place.
        scale: smallest share of its size that the crop is shrunk to, though not below what the loader resizes to:
            services keep more than models read, and what survives an enlargement is weaker elsewhere.
    """

    crop: float = 0.85
    scale: float = 0.6


@dataclass(frozen=True, kw_only=True)
class View:
    """A picture as a model reads it: ``rows @ picture @ columns.T``, for each channel.

    Attributes:
        rows: (size, h) float32.
        columns: (size, w) float32.
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def plain(cls, height: int, width: int, *, resize: int, size: int, keeps: bool = False) -> Self:
        """The view of the loader of images, up to its rounding to 8 bits.

        Args:
            height: of the picture, in pixels.
            width: of the picture.
            resize: length of the shorter side before the crop.
            size: rows and columns of the model's images.
            keeps: whether a picture of this size is taken as it is.
        """
        frame = Frame.of(height, width, resize=resize, size=size, keeps=keeps)
        return cls(
            rows=resampling(height, frame.height)[frame.top : frame.top + size],
            columns=resampling(width, frame.width)[frame.left : frame.left + size],
        )

    @classmethod
    def drawn(
        cls, height: int, width: int, spread: Spread, uniform: Tensor, *, resize: int, size: int, keeps: bool = False
    ) -> Self:
        """The view of the loader after a random crop, which is then shrunk.

        Args:
            height: of the picture, in pixels.
            width: of the picture.
            spread: of crops and scales.
            uniform: (4,) in [0, 1).
            resize: length of the shorter side before the loader's crop.
            size: rows and columns of the model's images.
            keeps: whether the loader takes a picture of this size as it is.
        """
        share, below, right, shrunk = uniform.tolist()
        share = 1 - (1 - spread.crop) * share
        tall, wide = _part(height, share), _part(width, share)
        smallest = min(max(spread.scale, resize / min(tall, wide)), 1.0)
        scale = 1 - (1 - smallest) * shrunk
        top, left = int(below * (height - tall + 1)), int(right * (width - wide + 1))
        low, narrow = _part(tall, scale), _part(wide, scale)
        loaded = cls.plain(low, narrow, resize=resize, size=size, keeps=keeps)
        return cls(
            rows=_placed(loaded.rows @ resampling(tall, low), top, height),
            columns=_placed(loaded.columns @ resampling(wide, narrow), left, width),
        )

    def __call__(self, pictures: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c, size, size)."""
        return self.rows @ pictures @ self.columns.T

    def to(self, device: torch.device) -> Self:
        """The view on another device."""
        return type(self)(rows=self.rows.to(device), columns=self.columns.to(device))


def resampling(length: int, to: int) -> Tensor:
    """The matrix that resizes a line of pixels: bilinear, antialiased, as Pillow and torchvision do.

    Args:
        length: pixels of the line.
        to: pixels afterwards.

    Returns:
        (to, length) float32; each row adds up to 1.

    >>> resampling(4, 2)
    tensor([[0.4286, 0.4286, 0.1429, 0.0000],
            [0.0000, 0.1429, 0.4286, 0.4286]])
    """
    if to == length:
        return torch.eye(length)
    ratio = length / to
    centre = (torch.arange(to, dtype=torch.float64)[:, None] + 0.5) * ratio
    source = torch.arange(length, dtype=torch.float64) + 0.5
    weights = (1 - (source - centre).abs() / max(ratio, 1.0)).clamp_min(0)
    return (weights / weights.sum(1, keepdim=True)).float()


def _part(length: int, share: float) -> int:
    return max(round(length * share), 1)


def _placed(matrix: Tensor, start: int, length: int) -> Tensor:
    """A matrix for the part of a line, for the whole line."""
    return torch.nn.functional.pad(matrix, (start, length - start - matrix.shape[1]))
