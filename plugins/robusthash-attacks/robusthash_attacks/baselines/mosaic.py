"""A mosaic, a visible baseline (Huang et al., Machines 2022, 10, 278, figure 3)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from robusthash.contracts import PIXELS, AttackBatch, AttackContext
from robusthash.errors import OptionError
from robusthash.metrics import psnr
from robusthash_attacks.baselines.alteration import Alteration


@dataclass(frozen=True, kw_only=True)
class Mosaic(Alteration):
    """Replaces every block of pixels by its mean colour.

    PSNR does not always fall with the block size, so every size is tried, and the one with the nearest PSNR taken.
    """

    block: int | None = None  #: side of a block in pixels; none finds one per image from target_psnr
    target_psnr: float = 16.66  #: in dB, of the delivered image; the block size with the nearest one is used

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.block is not None and self.block < 1:
            raise OptionError(f"block={self.block}", hint="at least 1")

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        clean = batch.inputs
        if self.block is not None:
            return mosaic(clean, self.block)
        best = clean.clone()
        nearest = torch.full_like(psnr(clean, clean), torch.inf)
        for block in range(2, max(clean.shape[2:]) + 1):
            image = mosaic(clean, block)
            miss = (psnr(PIXELS.toward(image, clean), clean) - self.target_psnr).abs()
            nearer = miss < nearest
            best = torch.where(nearer.to(clean.device).view(-1, 1, 1, 1), image, best)
            nearest = nearest.minimum(miss)
        return best


def mosaic(images: Tensor, block: int) -> Tensor:
    """Replaces blocks by their mean colour; blocks at the right and lower edge may be smaller.

    Args:
        images: (n, 3, h, w) float.
        block: side of a block, in pixels.

    >>> mosaic(torch.tensor([[[[0.0, 1.0, 0.25]]]]), 2)
    tensor([[[[0.5000, 0.5000, 0.2500]]]])
    """
    height, width = images.shape[2:]
    means = avg_pool2d(images, block, ceil_mode=True, count_include_pad=False)
    return means.repeat_interleave(block, 2).repeat_interleave(block, 3)[:, :, :height, :width].clamp(0, 1)
