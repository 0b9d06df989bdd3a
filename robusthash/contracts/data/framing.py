"""Framing: how a picture of any size becomes a square one, the same for everything that reads pictures."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A picture resized, and the square that is cut out of it.

    Attributes:
        height: of the resized picture, in pixels.
        width: of the resized picture.
        top: first row of the square.
        left: first column of the square.
        size: rows and columns of the square.
    """

    height: int
    width: int
    top: int
    left: int
    size: int

    @classmethod
    def of(cls, height: int, width: int, *, resize: int, size: int, keeps: bool = False) -> Self:
        """The frame of a picture: its shorter side is resized, its centre is cut out, as torchvision does.

        Args:
            height: of the picture, in pixels.
            width: of the picture.
            resize: length of the shorter side afterwards.
            size: rows and columns of the square, at most ``resize``.
            keeps: whether a picture of this size is taken as it is, instead of being resized and cropped.

        >>> Frame.of(300, 400, resize=73, size=64)
        Frame(height=73, width=97, top=4, left=16, size=64)
        >>> Frame.of(64, 64, resize=73, size=64, keeps=True)
        Frame(height=64, width=64, top=0, left=0, size=64)
        """
        if keeps and height == width == size:
            return cls(height=size, width=size, top=0, left=0, size=size)
        longer = int(resize * max(height, width) / min(height, width))
        resized = (resize, longer) if height <= width else (longer, resize)
        top, left = (round((length - size) / 2) for length in resized)
        return cls(height=resized[0], width=resized[1], top=top, left=left, size=size)


def framed(image: Tensor, *, resize: int, size: int, keeps: bool = False) -> Tensor:
    """A picture in its frame: bilinear, antialiased.

    Args:
        image: (3, h, w) uint8.
        resize: length of the shorter side before the crop.
        size: rows and columns of the square.
        keeps: whether a picture of this size is taken as it is, instead of being resized and cropped.

    Returns:
        (3, size, size) uint8.
    """
    frame = Frame.of(*image.shape[1:], resize=resize, size=size, keeps=keeps)
    if image.shape[1:] != (frame.height, frame.width):
        # Torchvision is imported on use, here and in the plugins: it takes as long as torch, and few commands need it.
        from torchvision.transforms.v2 import functional

        image = functional.resize(image, [frame.height, frame.width], antialias=True)
    return image[:, frame.top : frame.top + size, frame.left : frame.left + size].contiguous()


def shorter_side(size: int) -> int:
    """Length of the shorter side before a crop of ``size``, in the usual ratio of 256 to 224.

    >>> shorter_side(224), shorter_side(64)
    (256, 73)
    """
    return round(size * 256 / 224)
