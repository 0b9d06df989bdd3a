"""What a generator is shown of a query besides the image, and what it costs."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from robusthash.contracts import Randomness, Surrogate, Threat
from robusthash_attacks.learnt.drawing import scaled
from robusthash_attacks.learnt.losses import hinge
from robusthash_attacks.learnt.uaagan.losses import corners

Condition = Literal["none", "code", "gradient"]
Seen = tuple[Tensor, Tensor | None, Tensor | None]  #: images, condition and guide, as a generator takes them


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """What a generator is shown.

    Attributes:
        condition: none: the image alone; code: its own code or descriptor, too; gradient: the signs of a gradient.
        surrogate: passed once, forward and backward, for a gradient.
        threat: the ball and the box.
        random: of the points at which gradients are taken.
    """

    condition: Condition
    surrogate: Surrogate
    threat: Threat
    random: Randomness

    def length(self) -> int:
        """Numbers of the condition; 0 is none."""
        return self.surrogate.space.size if self.condition == "code" else 0

    def of(self, ids: Tensor, clean: Tensor, own: Tensor) -> Seen:
        """What is seen of some images.

        Args:
            ids: (n,) int64, which select the randomness.
            clean: (n, 3, h, w) float, the images.
            own: (n, size) float, their codes in {-1, +1} or descriptors.

        Returns:
            (n, 3, h, w) float in [-1, 1]; (n, size) float, of length sqrt(size), or None; and (n, 3, h, w) float in
            {-1, 0, +1}, or None.
        """
        images = scaled(clean)
        if self.condition == "code":
            return images, corners(own, self.surrogate.space) * own.shape[1] ** 0.5, None
        if self.condition == "gradient":
            uniform = self.random.derived("starts").uniform(ids, tuple(clean.shape[1:])).to(clean.device)
            return images, None, downhill(self.surrogate, self.threat.point(uniform, clean), own)
        return images, None, None


def downhill(surrogate: Surrogate, start: Tensor, own: Tensor) -> Tensor:
    """The signs of the direction in which images move away from their own position the fastest: (n, 3, h, w).

    On codes it goes down the hinge of the logits, on descriptors down the cosine, whose gradient is zero at the clean
    image.

    Args:
        surrogate: passed once, forward and backward.
        start: (n, 3, h, w) float, where the gradient is taken.
        own: (n, size) float, own codes in {-1, +1} or descriptors.
    """
    with torch.enable_grad():
        start = start.detach().requires_grad_()
        outputs = surrogate(start)
        near = hinge(outputs, -own, own) if surrogate.space.binary else cosine_similarity(outputs, own)
        (slope,) = torch.autograd.grad(near.sum(), start)
    return -slope.sign()
