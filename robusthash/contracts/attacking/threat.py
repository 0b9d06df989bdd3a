"""The threat model: how far an adversarial input may be from its clean one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.epsilon import LEVELS, SLACK, checked_epsilon
from robusthash.pixels import from_levels


@dataclass(frozen=True, kw_only=True)
class Threat:
    """An L-infinity ball in pixel space.

    Attributes:
        epsilon: radius, as a share of the pixel range, in [0, 1].
        low: lower end of the box.
        high: upper end of the box.
    """

    epsilon: float
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        checked_epsilon(self.epsilon)

    @property
    def tolerance(self) -> float:
        """How far outside the ball float32 rounding alone may put an element."""
        return SLACK / LEVELS

    def project(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Nearest point of the ball and the box, element by element.

        Args:
            inputs: (n, ...) float.
            clean: the same shape; the ball's centres, inside the box.
        """
        delta = (inputs - clean).clamp(-self.epsilon, self.epsilon)
        return (clean + delta).clamp(self.low, self.high)

    def point(self, uniform: Tensor, clean: Tensor) -> Tensor:
        """A point of the ball, cut to the box: where random starts are.

        Args:
            uniform: the shape of ``clean``, in [0, 1): where in the ball.
            clean: (n, ...) float; the ball's centres, inside the box.
        """
        return self.project(clean + (2 * uniform - 1) * self.epsilon, clean)

    def contains(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """(n,) bool: whether each input is in the ball and the box, but for float rounding."""
        inside = (
            ((inputs - clean).abs() <= self.epsilon + self.tolerance) & (inputs >= self.low) & (inputs <= self.high)
        )
        return inside.flatten(1).all(1)


def to_8_bit(inputs: Tensor, clean: Tensor) -> Tensor:
    """Rounds to 8-bit levels toward the clean image, so that rounding never leaves the ball.

    Args:
        inputs: (n, 3, h, w) float in [0, 1].
        clean: the same shape, on the 8-bit grid.

    Returns:
        The same shape, on the 8-bit grid.

    >>> clean = torch.full((1, 3, 1, 1), 100 / 255)
    >>> (to_8_bit(clean + 2.7 / 255, clean) * 255).round().flatten().tolist()
    [102.0, 102.0, 102.0]
    """
    levels = (inputs - clean) * LEVELS
    return from_levels((clean * LEVELS + torch.trunc(levels + levels.sign() * SLACK)).round())
