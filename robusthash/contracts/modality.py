"""What goes into a model: the shape of an input, the box it lives in, and the levels it is delivered in."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.epsilon import LEVELS, SLACK
from robusthash.errors import ContractError
from robusthash.pixels import from_levels

IMAGE = "image"
TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Box:
    """The values that an element of an input may have.

    Attributes:
        low: the least.
        high: the greatest.
        levels: equal steps from ``low`` to ``high`` that an input is delivered in: 255 for an 8-bit image, 1 for tags
            that are present or absent; None for continuous features, which are delivered as they are.

    Raises:
        ContractError: the box is empty, or there are no levels.
    """

    low: float = 0.0
    high: float = 1.0
    levels: int | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ContractError(f"a box from {self.low} to {self.high}", hint="low < high")
        if self.levels is not None and self.levels < 1:
            raise ContractError(f"a box of {self.levels} levels", hint="at least 1, or None for continuous inputs")

    @property
    def width(self) -> float:
        """From one end to the other."""
        return self.high - self.low

    @property
    def tolerance(self) -> float:
        """How far off float32 rounding alone may put an element."""
        return SLACK * self.width / (self.levels or LEVELS)

    def clamp(self, inputs: Tensor) -> Tensor:
        """The nearest point of the box, element by element."""
        return inputs.clamp(self.low, self.high)

    def nearest(self, inputs: Tensor) -> Tensor:
        """The nearest point of the box that can be delivered, element by element: what a service sees of an input."""
        inside = self.clamp(inputs)
        if self.levels is None:
            return inside
        return self._at((self._unit(inside) * self.levels).round())

    def toward(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """Rounds to the levels toward the clean inputs, so that rounding never leaves a ball around them.

        Args:
            inputs: (n, ...) float, inside the box.
            clean: the same shape, on the levels.

        Returns:
            The same shape, on the levels; the inputs themselves where there are none.

        >>> clean = torch.full((1, 3, 1, 1), 100 / 255)
        >>> (PIXELS.toward(clean + 2.7 / 255, clean) * 255).round().flatten().tolist()
        [102.0, 102.0, 102.0]
        """
        if self.levels is None:
            return inputs
        steps = (inputs - clean) * (self.levels / self.width)
        return self._at((self._unit(clean) * self.levels + torch.trunc(steps + steps.sign() * SLACK)).round())

    def _unit(self, inputs: Tensor) -> Tensor:
        """From the box to [0, 1]."""
        return inputs if (self.low, self.high) == (0.0, 1.0) else (inputs - self.low) / self.width

    def _at(self, levels: Tensor) -> Tensor:
        """The values of whole levels: for 8-bit images, to the last bit, those after a trip through a PNG file."""
        unit = from_levels(levels, levels=self.levels or LEVELS)
        return unit if (self.low, self.high) == (0.0, 1.0) else self.low + unit * self.width


PIXELS = Box(levels=LEVELS)  #: pixel space: [0, 1], delivered in 8 bits


@dataclass(frozen=True, kw_only=True)
class Modality:
    """What kind of inputs a model takes.

    A threat takes its projection, its random starts and its delivery from the box, so that attacks serve images, bags
    of words and continuous features alike.

    Attributes:
        name: ``image`` or ``text``.
        shape: one input's shape, without the batch: (3, h, w) or (d,).
        box: the values of its elements.
    """

    name: str
    shape: tuple[int, ...]
    box: Box = Box()

    @classmethod
    def image(cls, height: int, width: int | None = None) -> "Modality":
        """RGB images in pixel space; square unless a width is given."""
        return cls(name=IMAGE, shape=(3, height, width or height), box=PIXELS)

    @classmethod
    def text(cls, width: int, *, low: float = 0.0, high: float = 1.0, levels: int | None = None) -> "Modality":
        """Text features of one dimension, such as a bag of words; continuous unless levels are given."""
        return cls(name=TEXT, shape=(width,), box=Box(low=low, high=high, levels=levels))
