"""JPEG as a differentiable function of tensors."""

import io
import math
from functools import cache
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from robusthash.pixels import LEVELS

BLOCK = 8  #: pixels per side of a block
BLUR = 0.2  #: standard deviation of the noise over which the rounding's slope is averaged, in steps of the table
#: from (R, G, B) to (Y, Cb, Cr), as in JFIF; the chroma is centred at 0 here
_TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


class BlurredRounding(torch.autograd.Function):
    """Rounding whose slope is that of its mean over Gaussian noise of standard deviation :data:`BLUR`.

    It is steep near a half, where a small change alters the rounded value, and nearly flat elsewhere. So a direction
    has the weight of what the rounding leaves of it.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: D102 - as in torch
        ctx.save_for_backward(values)
        return values.round()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: D102 - as in torch
        (values,) = ctx.saved_tensors
        return gradient * blurred_slope(values)


def blurred_slope(values: Tensor) -> Tensor:
    """The slope of the mean of ``round(v + BLUR * N(0, 1))``: a Gaussian around each half.

    >>> blurred_slope(torch.tensor([0.0, 0.5, 1.0]))
    tensor([0.1753, 1.9947, 0.1753])
    """
    aside = values - values.floor() - 0.5  # halves further away add less than 1e-7
    return sum(
        (torch.exp(-0.5 * ((aside + half) / BLUR).square()) for half in (-1, 0, 1)), torch.zeros_like(values)
    ) / (BLUR * math.sqrt(2 * math.pi))


def simulate(images: Tensor, quality: int) -> Tensor:
    """Images after JPEG compression, without libjpeg's integer arithmetic.

    Args:
        images: (n, 3, h, w) float in [0, 1].
        quality: 1 to 100; the chroma is subsampled as Pillow does by default.

    Returns:
        The same shape, not clipped to [0, 1]; differentiable in the images, with the slope of :class:`BlurredRounding`.
    """
    height, width = images.shape[2:]
    planes = torch.einsum("ij,njhw->nihw", images.new_tensor(_TO_YCBCR), LEVELS * images)
    brightness, colours = planes[:, :1] - 128, nn.functional.avg_pool2d(_even(planes[:, 1:]), 2)
    of_brightness, of_colours = (images.new_tensor(table) for table in tables(quality))
    brightness = _quantised(brightness, of_brightness) + 128
    colours = _quantised(colours, of_colours)
    for dim in (2, 3):
        colours = _doubled(colours, dim)
    planes = torch.cat((brightness, colours[:, :, :height, :width]), 1)
    return torch.einsum("ij,njhw->nihw", images.new_tensor(_TO_RGB), planes) / LEVELS


@cache
def tables(quality: int) -> tuple[list[list[float]], list[list[float]]]:
    """The 8x8 quantisation tables of luma and chroma that Pillow uses for a quality."""
    file = io.BytesIO()
    Image.new("RGB", (BLOCK, BLOCK)).save(file, format="JPEG", quality=quality)
    found = Image.open(file).quantization  # type: ignore[attr-defined]
    one, two = ([list(map(float, found[i][row : row + BLOCK])) for row in range(0, BLOCK**2, BLOCK)] for i in (0, 1))
    return one, two


def _quantised(planes: Tensor, table: Tensor) -> Tensor:
    """Planes (n, c, h, w) with the cosine coefficients of their blocks rounded to multiples of a table."""
    height, width = planes.shape[2:]
    padded = nn.functional.pad(planes, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    blocks = padded.unfold(2, BLOCK, BLOCK).unfold(3, BLOCK, BLOCK)  # (n, c, rows, columns, 8, 8)
    cosines = _cosines(planes)
    rounded: Tensor = BlurredRounding.apply(cosines @ blocks @ cosines.T / table)
    coefficients = rounded * table
    decoded = (cosines.T @ coefficients @ cosines).transpose(3, 4).reshape(padded.shape)
    return decoded[:, :, :height, :width]


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal cosine transform of size 8, (8, 8)."""
    place = torch.arange(BLOCK, dtype=torch.float64)
    rows = torch.cos(math.pi / BLOCK * place[:, None] * (place + 0.5)) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    return rows.to(like)


def _even(planes: Tensor) -> Tensor:
    """Planes padded to even height and width by repeating the last row or column."""
    height, width = planes.shape[2:]
    return nn.functional.pad(planes, (0, width % 2, 0, height % 2), mode="replicate")


def _doubled(blocks: Tensor, dim: int) -> Tensor:
    """Twice as many pixels along a dimension, each 3/4 of its block and 1/4 of the nearest other block."""
    last = blocks.shape[dim] - 1
    before = torch.cat((blocks.narrow(dim, 0, 1), blocks.narrow(dim, 0, last)), dim)
    after = torch.cat((blocks.narrow(dim, 1, last), blocks.narrow(dim, last, 1)), dim)
    return torch.stack((0.75 * blocks + 0.25 * before, 0.75 * blocks + 0.25 * after), dim + 1).flatten(dim, dim + 1)
