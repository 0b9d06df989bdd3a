"""An adversarial patch: a small square of the image is replaced, the rest is left alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import Modality, Randomness, Threat
from robusthash.errors import OptionError
from robusthash_attacks.images import Visible
from robusthash_attacks.learnt.universal import Universal

_PLACE = "place"
_MOST = 0.05  #: of an image's area


@dataclass(frozen=True, kw_only=True)
class Patch(Universal, Visible):
    """Pastes one visible square, the same for all queries, at a place drawn by the seed. It is not bound by epsilon.

    The pixels of the square may have any colour; no other pixel changes.
    """

    area: float = _MOST  #: share of the image that the square covers at most, up to 0.05; it is one pixel at least

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.area <= _MOST:
            raise OptionError(f"area={self.area}", hint=f"a share of the image above 0, at most {_MOST}")

    def shape(self, modality: Modality) -> tuple[int, ...]:  # noqa: D102 - as in the base class
        channels, height, width = modality.shape
        side = max(math.isqrt(int(self.area * height * width)), 1)
        return channels, min(side, height), min(side, width)

    def limits(self, threat: Threat, elements: int) -> tuple[float, float]:  # noqa: ARG002, D102 - as in the base class
        return threat.box.low, threat.box.high

    def draw(self, random: Randomness) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        return {_PLACE: random.uniform(torch.arange(1), (2,))[0]}

    def apply(self, clean: Tensor, patterns: Tensor, threat: Threat, drawn: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return pasted(clean, patterns, drawn[_PLACE])


def pasted(images: Tensor, patches: Tensor, place: Tensor) -> Tensor:
    """Images with a patch each, at the same place; differentiable in the patches.

    Args:
        images: (n, c, h, w) float.
        patches: (n, c, a, b) float.
        place: (2,) in [0, 1): where the upper left corner is, as shares of the rows and columns that it can be in.

    >>> pasted(torch.zeros(1, 1, 2, 3), torch.ones(1, 1, 1, 2), torch.tensor([0.0, 0.9]))
    tensor([[[[0., 1., 1.],
              [0., 0., 0.]]]])
    """
    top, left = (
        int(share * (whole - part + 1))
        for share, whole, part in zip(place.tolist(), images.shape[2:], patches.shape[2:], strict=True)
    )
    result = images.clone()
    result[:, :, top : top + patches.shape[2], left : left + patches.shape[3]] = patches
    return result
