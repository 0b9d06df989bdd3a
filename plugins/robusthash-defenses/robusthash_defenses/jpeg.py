"""JPEG compression of the inputs (Guo, Rana, Cissé and van der Maaten, ICLR 2018, section 3)."""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import Defense, DefenseContext, HashModel, ModelWrapper
from robusthash.errors import OptionError
from robusthash.pixels import from_levels, to_levels
from robusthash_defenses.differentiable_jpeg import simulate


class Compressed(ModelWrapper):
    """A hash model with JPEG-compressed inputs.

    The true gradient of the compression is zero almost everywhere. Here it is that of a differentiable JPEG (BPDA;
    Athalye et al., ICML 2018), as in an adaptive attack.

    Args:
        model: the hash model.
        quality: of the compression, 1 to 100.
        masked: use the true gradient, to demonstrate gradient masking.
    """

    def __init__(self, model: HashModel, quality: int, *, masked: bool) -> None:
        super().__init__(model)
        self.quality = quality
        self.masked = masked

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        decoded = compress(inputs.detach(), self.quality)
        like = 0 * inputs if self.masked else simulate(inputs, self.quality)
        logits: Tensor = self.model(like + (decoded - like).detach())
        return logits


@dataclass(frozen=True, kw_only=True)
class Jpeg(Defense):
    """Compresses each input with JPEG."""

    quality: int = 75  #: of the compression, 1 to 100
    masked: bool = False  #: use the compression's true gradient, which is zero

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise OptionError(f"quality={self.quality}", hint="it must be from 1 to 100")

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:  # noqa: ARG002, D102 - as in the base class
        return Compressed(model, self.quality, masked=self.masked)


def compress(images: Tensor, quality: int) -> Tensor:
    """Images after JPEG compression.

    Args:
        images: (n, 3, h, w) float in [0, 1]; rounded to 8 bits first.
        quality: 1 to 100; the chroma is subsampled as Pillow does by default.

    Returns:
        The same shape, dtype and device, on the 8-bit grid.
    """
    levels = to_levels(images).movedim(1, 3).cpu().numpy()
    decoded = []
    for image in levels:
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(file, format="JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(file)))
    return from_levels(torch.from_numpy(np.stack(decoded)).movedim(3, 1).to(images))
