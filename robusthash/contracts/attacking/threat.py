"""The threat model: how far an adversarial input may be from its clean one."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from robusthash.contracts.modality import PIXELS, Box, Modality
from robusthash.epsilon import checked_epsilon


@dataclass(frozen=True, kw_only=True)
class Threat:
    """An L-infinity ball around each input, within the box of its modality.

    Attributes:
        epsilon: radius as a share of the box's width, in [0, 1]; in pixel space, the radius itself.
        box: range of the elements, and the levels that inputs are delivered in.

    Raises:
        OptionError: epsilon is outside [0, 1].
    """

    epsilon: float
    box: Box = PIXELS

    def __post_init__(self) -> None:
        checked_epsilon(self.epsilon)

    @classmethod
    def on(cls, modality: Modality, epsilon: float) -> Self:
        """The threat model for inputs of a modality."""
        return cls(epsilon=epsilon, box=modality.box)

    @property
    def radius(self) -> float:
        """Radius of the ball, in the units of the inputs."""
        return self.epsilon * self.box.width

    @property
    def tolerance(self) -> float:
        """Distance from the ball that float32 rounding alone may cause, per element."""
        return self.box.tolerance

    def project(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Clips inputs to the ball and the box, element by element.

        Args:
            inputs: (n, ...) float.
            clean: the same shape; the ball's centres, inside the box.
        """
        delta = (inputs - clean).clamp(-self.radius, self.radius)
        return self.box.clamp(clean + delta)

    def point(self, uniform: Tensor, clean: Tensor) -> Tensor:
        """A point of the ball, clipped to the box, for random starts.

        Args:
            uniform: the shape of ``clean``, in [0, 1): position in the ball.
            clean: (n, ...) float; the ball's centres, inside the box.
        """
        return self.project(clean + (2 * uniform - 1) * self.radius, clean)

    def deliver(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Rounds inputs to the box's levels, toward the clean ones: what is delivered.

        Args:
            inputs: (n, ...) float, inside the ball and the box.
            clean: the same shape, on the levels.
        """
        return self.box.toward(inputs, clean)

    def contains(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Whether each input is in the ball and the box, up to float32 rounding.

        Args:
            inputs: (n, ...) float.
            clean: the same shape; the ball's centres.

        Returns:
            (n,) bool.
        """
        near = (inputs - clean).abs() <= self.radius + self.tolerance
        inside = near & (inputs >= self.box.low) & (inputs <= self.box.high)
        return inside.flatten(1).all(1)
