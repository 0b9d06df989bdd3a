"""Brightness, a visible baseline (Huang et al., Machines 2022, 10, 278, figure 3)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash_attacks.baselines.distortion import Distortion


@dataclass(frozen=True, kw_only=True)
class Brightness(Distortion):
    """Adds the strength to every element, and clips to the box."""

    target_psnr: float = 13.02  #: in dB, of the delivered image; if out of reach, the strength is 1

    def distort(self, clean: Tensor, strength: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return (clean + strength).clamp(0, 1)
