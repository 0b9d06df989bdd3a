"""A uniform overlay, a visible baseline (Huang et al., Machines 2022, 10, 278, figure 3)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.errors import OptionError
from robusthash_attacks.baselines.distortion import Distortion


@dataclass(frozen=True, kw_only=True)
class Transparency(Distortion):
    """Blends the image with a grey level: ``(1 - strength) x + strength veil``."""

    target_psnr: float = 18.28  #: in dB, of the delivered image; if out of reach, the strength is 1
    veil: float = 1.0  #: grey level of the overlay, in [0, 1]; 1 is white

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.veil <= 1:
            raise OptionError(f"veil={self.veil}", hint="a grey level in [0, 1]")

    def distort(self, clean: Tensor, strength: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return clean + strength * (self.veil - clean)
