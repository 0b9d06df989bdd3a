"""The base class of visible alterations of images, as strong as a target PSNR asks for."""

from dataclasses import dataclass

from robusthash.errors import OptionError
from robusthash.specs import Distance
from robusthash_attacks.images import Visible


@dataclass(frozen=True, kw_only=True)
class Alteration(Visible):
    """Alters images for every kind of model. It is not bound by epsilon."""

    target_psnr: float = 20.0  #: in dB, of the delivered image

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.target_psnr < 100:
            raise OptionError(f"target_psnr={self.target_psnr}", hint="in dB, between 0 and 100")

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset(Distance)
