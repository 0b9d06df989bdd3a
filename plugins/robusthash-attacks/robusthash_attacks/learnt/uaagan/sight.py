"""What a generator is shown of a query besides the image, and what it costs."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import cosine_similarity

from robusthash.contracts import Randomness, Space, Surrogate, Threat
from robusthash_attacks.learnt.drawing import scaled
from robusthash_attacks.learnt.losses import hinge
from robusthash_attacks.learnt.networks import downhill
from robusthash_attacks.learnt.uaagan.losses import corners

Condition = Literal["none", "code", "gradient"]
Seen = tuple[Tensor, Tensor | None, Tensor | None]  #: images, condition and guide, as a generator takes them


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """What a generator is shown.

    Attributes:
        condition: none: the image alone; code: its own code or descriptor, too; gradient: and the signs of a gradient.
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
        return 0 if self.condition == "none" else self.surrogate.space.size

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
        if self.condition == "none":
            return images, None, None
        space = self.surrogate.space
        code = corners(own, space) * space.size**0.5
        if self.condition == "code":
            return images, code, None
        uniform = self.random.derived("starts").uniform(ids, tuple(clean.shape[1:])).to(clean.device)
        start = self.threat.point(uniform, clean)
        return images, code, downhill(self.surrogate, start, lambda outputs: near(outputs, own, space))


def near(outputs: Tensor, own: Tensor, space: Space) -> Tensor:
    """How near outputs (n, size) are to their own codes or descriptors: a scalar, whose gradient is the guide.

    On codes it is the hinge of the logits, on descriptors the cosine, whose gradient is zero at the clean image.
    """
    return (hinge(outputs, -own, own) if space.binary else cosine_similarity(outputs, own)).sum()
