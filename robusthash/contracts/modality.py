"""The inputs of a model: their shape, the range of their elements, and the levels that they are delivered in."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from robusthash.epsilon import LEVELS, SLACK
from robusthash.errors import ContractError
from robusthash.pixels import from_levels
from robusthash.specs import Norm

_ROUNDINGS = 4 * 2.0**-23  #: of float32, relative to the number: a projection and a delivery do four operations
IMAGE = "image"
TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Box:
    """The range of an input's elements, and the levels that they are delivered in.

    Attributes:
        low: smallest value.
        high: largest value.
        levels: number of equal steps from ``low`` to ``high``: 255 for an 8-bit image, 1 for tags that are present or
            absent; None for continuous features, which are delivered without rounding.

    Raises:
        ContractError: the box is empty, or ``levels`` is less than 1.
    """

    low: float = 0.0
    high: float = 1.0
    levels: int | None = None

    def __post_init__(self) -> None:
        # Digests are over what a box prints: one that is given in whole numbers is the same box.
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not self.low < self.high:
            raise ContractError(f"the box [{self.low}, {self.high}] is empty", hint="low must be less than high")
        if self.levels is not None and self.levels < 1:
            raise ContractError(f"a box has {self.levels} levels", hint="at least 1, or None for continuous inputs")

    @property
    def width(self) -> float:
        """``high - low``."""
        return self.high - self.low

    @property
    def tolerance(self) -> float:
        """Largest error of an element that float32 rounding alone may cause."""
        # Far from zero, float32 has larger steps than a level's slack: some roundings of its largest element.
        return max(SLACK * self.width / (self.levels or LEVELS), _ROUNDINGS * max(abs(self.low), abs(self.high)))

    def clamp(self, inputs: Tensor) -> Tensor:
        """Clips each element to the box."""
        return inputs.clamp(self.low, self.high)

    def nearest(self, inputs: Tensor) -> Tensor:
        """Clips each element to the box and rounds it to the nearest level: what a service receives."""
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
            The same shape, on the levels; the inputs unchanged if the box has none.

        >>> clean = torch.full((1, 3, 1, 1), 100 / 255)
        >>> (PIXELS.toward(clean + 2.7 / 255, clean) * 255).round().flatten().tolist()
        [102.0, 102.0, 102.0]
        """
        if self.levels is None:
            return inputs
        steps = (inputs - clean).mul_(self.levels / self.width)
        steps.add_(steps.sign().mul_(SLACK))
        # What torch.trunc returns, in a tenth of its time.
        return self.away(clean, torch.div(steps, 1, rounding_mode="trunc"))

    def away(self, clean: Tensor, steps: Tensor) -> Tensor:
        """Inputs that are whole numbers of levels away from the clean ones; the box must have levels.

        Args:
            clean: (n, ...) float, on the levels.
            steps: the same shape, whole numbers.
        """
        levels = self.levels or LEVELS
        return self._at((self._unit(clean) * levels + steps).round_())

    def _unit(self, inputs: Tensor) -> Tensor:
        """Maps the box to [0, 1]."""
        return inputs if (self.low, self.high) == (0.0, 1.0) else (inputs - self.low) / self.width

    def _at(self, levels: Tensor) -> Tensor:
        """Values of whole levels; those of 8-bit images are bit-identical to what is read from a PNG file."""
        unit = from_levels(levels, levels=self.levels or LEVELS)
        # In another box, rounding may put the last level outside.
        return unit if (self.low, self.high) == (0.0, 1.0) else self.clamp(self.low + unit * self.width)


PIXELS = Box(levels=LEVELS)  #: pixel space: [0, 1], delivered in 8 bits


@dataclass(frozen=True, kw_only=True)
class Modality:
    """The kind of a model's inputs.

    Projection, random starts and delivery depend on the box alone, so attacks work on images, bags of words and
    continuous features alike.

    Attributes:
        name: ``image`` or ``text``.
        shape: shape of one input, without the batch: (3, h, w) or (d,).
        box: range and levels of its elements.
        tags: whether each element is a word that is there or not, so that a threat may count edits. Elements of one
            level always are.
        vocabulary: these words; None if they are not known.

    The last two are facts of the data and not of the model, and take no part in comparisons and digests.
    """

    name: str
    shape: tuple[int, ...]
    box: Box = Box()
    tags: bool = field(default=False, compare=False, repr=False)
    vocabulary: tuple[str, ...] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.box.levels == 1:
            object.__setattr__(self, "tags", True)

    @property
    def edited(self) -> tuple[Norm, ...]:
        """The norms that count what people change in such an input, the usual one first; none if it is by degrees.

        >>> Modality.text(2, tags=True, vocabulary=("cat", "dog")).edited
        (<Norm.TAGS: 'tags'>, <Norm.WORDS: 'words'>, <Norm.CHARACTERS: 'characters'>)
        """
        if not self.tags:
            return ()
        return (Norm.TAGS, Norm.WORDS, *((Norm.CHARACTERS,) if self.vocabulary is not None else ()))

    @classmethod
    def image(cls, height: int, width: int | None = None) -> "Modality":
        """RGB images in pixel space; square unless a width is given."""
        return cls(name=IMAGE, shape=(3, height, width or height), box=PIXELS)

    @classmethod
    def text(
        cls,
        width: int,
        *,
        low: float = 0.0,
        high: float = 1.0,
        levels: int | None = None,
        tags: bool = False,
        vocabulary: tuple[str, ...] | None = None,
    ) -> "Modality":
        """Text features (d,), such as a bag of words.

        Args:
            width: number of dimensions.
            low: smallest value of an element.
            high: largest value.
            levels: as in :class:`Box`; None is continuous.
            tags: whether each element is a tag, absent at ``low`` or present at ``high``, so that a threat may count
                the tags that are edited. Features of one level always are. Continuous ones may be, so that a threat in
                L-infinity delivers fractions of tags, as published attacks do.
            vocabulary: the word of each element, so that a threat may count the characters that are edited.
        """
        box = Box(low=low, high=high, levels=levels)
        return cls(name=TEXT, shape=(width,), box=box, tags=tags, vocabulary=vocabulary)
