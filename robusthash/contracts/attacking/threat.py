"""The threat model: how far an adversarial input may be from its clean one."""

from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from robusthash.contracts.attacking.balls import NEIGHBOURHOODS, Neighbourhood
from robusthash.contracts.modality import PIXELS, Box, Modality
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError
from robusthash.specs import Norm


@dataclass(frozen=True, kw_only=True)
class Threat:
    """The inputs within a radius of each clean one, and within the box of their modality.

    Attributes:
        epsilon: radius: in L-infinity a share of the box's width, in [0, 1], and in pixel space the largest change
            itself; in L2 the length of the change, in widths of the box; in a norm that counts, a whole number of
            edits.
        box: range of the elements, and the levels that inputs are delivered in.
        norm: how the distance is measured.

    Raises:
        OptionError: epsilon is outside its range.
    """

    epsilon: float
    box: Box = PIXELS
    norm: Norm = Norm.LINF

    def __post_init__(self) -> None:
        Radius(size=self.epsilon, norm=self.norm)  # checks it

    @classmethod
    def on(cls, modality: Modality, radius: Radius | float) -> Self:
        """The threat model for inputs of a modality.

        Args:
            modality: of the inputs, as the data has it.
            radius: a number is a radius in L-infinity.

        Raises:
            CapabilityError: the radius counts edits that such inputs do not have.
        """
        bound = radius if isinstance(radius, Radius) else Radius(size=radius)
        if bound.norm.counts and bound.norm is not modality.edited:
            raise CapabilityError(
                f"{bound} is for texts of {bound.norm}, and the queries are {modality.name}s without {bound.norm}",
                hint="attack texts of tags, such as --direction t2i, or give the radius as --epsilon",
            )
        return cls(epsilon=bound.size, box=modality.box, norm=bound.norm)

    @property
    def radius(self) -> float:
        """The radius in the units of the inputs: in L-infinity and of tags, the largest change of one element."""
        return self._near.reach(self.epsilon, self.box)

    def even(self, elements: int) -> float:
        """The change of each element, in the units of the inputs, if the radius is spent on all of them alike.

        Args:
            elements: number of an input's elements.

        >>> Threat(epsilon=8 / 255).even(100) == 8 / 255, Threat(epsilon=0.5, norm=Norm.L2).even(100)
        (True, 0.05)
        """
        return self._near.even(self.epsilon, self.box, elements)

    @property
    def tolerance(self) -> float:
        """Distance from the ball that float32 rounding alone may cause, per element."""
        return self.box.tolerance

    @property
    def unbounded(self) -> "Threat":
        """The whole box, for an attack that is held to no radius."""
        return replace(self, epsilon=1.0, norm=Norm.LINF)

    @property
    def _near(self) -> Neighbourhood:
        return NEIGHBOURHOODS[self.norm]

    def project(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """The nearest inputs within the radius and the box.

        In L-infinity, each element is clipped. In L2, the change is scaled and clipped to the box. Of tags, each is
        rounded to whether it is there, and the largest changes are kept.

        Args:
            inputs: (n, ...) float.
            clean: the same shape; the ball's centres, inside the box.
        """
        return self._near.project(inputs, clean, self.epsilon, self.box)

    def point(self, uniform: Tensor, clean: Tensor) -> Tensor:
        """A point within the radius and the box, for random starts and for noise. Of tags, as many are swapped.

        Args:
            uniform: the shape of ``clean``, in [0, 1): position in the ball.
            clean: (n, ...) float; the ball's centres, inside the box.
        """
        return self._near.point(uniform, clean, self.epsilon, self.box)

    def deliver(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Rounds inputs to the box's levels, inside the ball: what is delivered.

        In L-infinity, each element is rounded toward its clean one; in L2, as near as the radius allows.

        Args:
            inputs: (n, ...) float, inside the ball and the box.
            clean: the same shape, on the levels.
        """
        return self._near.deliver(inputs, clean, self.epsilon, self.box)

    def distance(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Distance of each input from its clean one, as the radius counts it.

        Args:
            inputs: (n, ...) float, inside the box.
            clean: the same shape.

        Returns:
            (n,) float: a share of the box's width, a length in its widths, or a number of edits.
        """
        return self._near.distance(inputs, clean, self.box)

    def contains(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Whether each input is within the radius and the box, up to float32 rounding.

        Args:
            inputs: (n, ...) float.
            clean: the same shape; the ball's centres.

        Returns:
            (n,) bool.
        """
        return self._near.contains(inputs, clean, self.epsilon, self.box)
