"""The base class of visible alterations of images, as strong as a target PSNR asks for."""

from dataclasses import dataclass

from robusthash.contracts import IMAGE, Attack
from robusthash.errors import OptionError
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class Visible(Attack):
    """Alters images for every kind of model. It is not bound by epsilon."""

    target_psnr: float = 20.0  #: in dB, of the delivered image

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.target_psnr < 100:
            raise OptionError(f"target_psnr={self.target_psnr}", hint="in dB, between 0 and 100")

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset(Distance)

    @property
    def modalities(self) -> frozenset[str]:  # noqa: D102 - as in the base class
        return frozenset({IMAGE})

    @property
    def bounded(self) -> bool:  # noqa: D102 - as in the base class
        return False
