"""The one place where 8-bit levels and floats meet.

A level is a whole number from 0 to 255; in pixel space it is that number over 255. The quotient has to be the same, to
the last bit, wherever it is taken: an image that went through a PNG file is compared with one that did not, and what a
GPU made with what a CPU made.
"""

import torch
from torch import Tensor

from robusthash.epsilon import LEVELS

__all__ = ["LEVELS", "from_levels", "quantise", "to_levels"]


def to_levels(images: Tensor, *, levels: int = LEVELS) -> Tensor:
    """The nearest level of each element; halves go to the even one.

    Args:
        images: float, any shape, in [0, 1]; what lies outside is clipped.
        levels: the number of the highest level, at most 255: 255 for images, 1 for what is present or absent.

    Returns:
        The same shape, uint8, on the same device.

    >>> to_levels(torch.tensor([0.0, 0.1, 1.0]))
    tensor([  0,  26, 255], dtype=torch.uint8)
    """
    return _nearest(images, levels).to(torch.uint8)


def from_levels(values: Tensor, *, levels: int = LEVELS) -> Tensor:
    """Levels in pixel space: ``values / levels``, correctly rounded on every device.

    Args:
        values: whole numbers from 0 to ``levels``, of any type and shape.
        levels: the number of the highest level.

    Returns:
        The same shape, in [0, 1]; float32 for integers, and the type of the values for floats.

    >>> from_levels(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([0.0000, 0.2000, 1.0000])
    """
    numerators = values if values.is_floating_point() else values.to(torch.float32)
    # The divisor is a tensor: a GPU multiplies by the reciprocal of a plain number, which is off in the last bit.
    return numerators / numerators.new_full((), levels)


def quantise(images: Tensor, *, levels: int = LEVELS) -> Tensor:
    """Images rounded to their nearest levels, still floats: what is left of them after an upload.

    Args:
        images: float, any shape, in [0, 1]; what lies outside is clipped.
        levels: the number of the highest level.

    Returns:
        The same shape, type and device.

    >>> quantise(torch.tensor([0.1, 1.5])) * 255
    tensor([ 26., 255.])
    """
    return from_levels(_nearest(images, levels), levels=levels)


def _nearest(images: Tensor, levels: int) -> Tensor:
    return (images.clamp(0, 1) * levels).round()
