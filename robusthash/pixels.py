"""The only place where 8-bit levels are converted to floats and back.

A level is a whole number from 0 to 255; in pixel space it is divided by 255. The quotient must be bit-identical on
every device, because an image that was read from a PNG file is compared with one that was not, and one from a GPU with
one from a CPU.
"""

import torch
from torch import Tensor

from robusthash.epsilon import LEVELS

__all__ = ["LEVELS", "from_levels", "quantise", "to_levels"]


def to_levels(images: Tensor, *, levels: int = LEVELS) -> Tensor:
    """The nearest level of each element; halves are rounded to even.

    Args:
        images: float, any shape, in [0, 1]; values outside are clipped.
        levels: the highest level, at most 255: 255 for images, 1 for tags that are present or absent.

    Returns:
        The same shape, uint8, on the same device.

    >>> to_levels(torch.tensor([0.0, 0.1, 1.0]))
    tensor([  0,  26, 255], dtype=torch.uint8)
    """
    return _nearest(images, levels).to(torch.uint8)


def from_levels(values: Tensor, *, levels: int = LEVELS) -> Tensor:
    """Converts levels to pixel space: ``values / levels``, correctly rounded on every device.

    Args:
        values: whole numbers from 0 to ``levels``, of any dtype and shape.
        levels: the highest level.

    Returns:
        The same shape, in [0, 1]; float32 for integers, the dtype of the values for floats.

    >>> from_levels(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([0.0000, 0.2000, 1.0000])
    """
    numerators = values if values.is_floating_point() else values.to(torch.float32)
    # The divisor is a tensor: a GPU would multiply by the reciprocal of a scalar, which differs in the last bit.
    return numerators / numerators.new_full((), levels)


def quantise(images: Tensor, *, levels: int = LEVELS) -> Tensor:
    """Rounds images to their nearest levels, as an upload does; they stay floats.

    Args:
        images: float, any shape, in [0, 1]; values outside are clipped.
        levels: the highest level.

    Returns:
        The same shape, dtype and device.

    >>> quantise(torch.tensor([0.1, 1.5])) * 255
    tensor([ 26., 255.])
    """
    return from_levels(_nearest(images, levels), levels=levels)


def _nearest(images: Tensor, levels: int) -> Tensor:
    return (images.clamp(0, 1) * levels).round()
