"""The base class of visible distortions: one strength for all images, or one per image from a target PSNR."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import PIXELS, AttackBatch, AttackContext
from robusthash.errors import OptionError
from robusthash.metrics import psnr
from robusthash_attacks.baselines.alteration import Alteration

_HALVINGS = 30  #: steps of the bisection: down to a billionth


@dataclass(frozen=True, kw_only=True)
class Distortion(Alteration):
    """Alters every image by a strength in [0, 1]; PSNR falls with the strength."""

    strength: float | None = None  #: for all images, in [0, 1]; none finds one per image from target_psnr
    target_psnr: float = 20.0  #: in dB, of the delivered image; if out of reach, the strength is 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strength is not None and not 0 <= self.strength <= 1:
            raise OptionError(f"strength={self.strength}", hint="a strength in [0, 1]")

    @abstractmethod
    def distort(self, clean: Tensor, strength: Tensor) -> Tensor:
        """The altered images.

        Args:
            clean: (n, 3, h, w) float in [0, 1].
            strength: (n, 1, 1, 1) float in [0, 1].

        Returns:
            (n, 3, h, w) float in [0, 1]; no element moves closer to the clean image as the strength grows.
        """

    def match(self, clean: Tensor) -> Tensor:
        """The smallest strength at which an image's PSNR is at most the target, by bisection; 1 if there is none.

        Args:
            clean: (n, 3, h, w) float in [0, 1], on the 8-bit grid.

        Returns:
            (n, 1, 1, 1) float.
        """
        low = torch.zeros_like(psnr(clean, clean))
        high = torch.ones_like(low)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            image = PIXELS.toward(self.distort(clean, _shaped(middle, clean)), clean)
            enough = psnr(image, clean) <= self.target_psnr
            low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
        return _shaped(high, clean)

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        clean = batch.inputs
        strength = self.match(clean) if self.strength is None else clean.new_full((len(clean), 1, 1, 1), self.strength)
        return self.distort(clean, strength)


def _shaped(strength: Tensor, clean: Tensor) -> Tensor:
    return strength.to(clean).view(-1, 1, 1, 1)
