"""The threat model: how far an adversarial input may be from its clean one."""

from dataclasses import dataclass, field, replace
from typing import Self

from torch import Tensor

from robusthash.contracts.attacking.balls import NEIGHBOURHOODS, Bags, Characters, Neighbourhood
from robusthash.contracts.attacking.moves import Moves
from robusthash.contracts.attacking.spelling import spelling_of
from robusthash.contracts.modality import PIXELS, Box, Modality
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError, ContractError
from robusthash.specs import Norm

_TEXTS = {Norm.TAGS: "tags", Norm.WORDS: "words", Norm.CHARACTERS: "words of a known vocabulary"}


@dataclass(frozen=True, kw_only=True)
class Threat:
    """The inputs within a radius of each clean one, and within the box of their modality.

    Attributes:
        epsilon: radius: in L-infinity a share of the box's width, in [0, 1], and in pixel space the largest change
            itself; in L2 the length of the change, in widths of the box; in a norm that counts, a whole number of
            edits.
        box: range of the elements, and the levels that inputs are delivered in.
        norm: how the distance is measured.
        vocabulary: the words of the inputs' elements; a threat that counts characters needs them.

    Raises:
        OptionError: epsilon is outside its range.
    """

    epsilon: float
    box: Box = PIXELS
    norm: Norm = Norm.LINF
    vocabulary: tuple[str, ...] | None = field(default=None, repr=False)

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
        if bound.norm.counts and bound.norm not in modality.edited:
            raise CapabilityError(
                f"{bound} is for texts of {_TEXTS[bound.norm]}, and the queries are {modality.name}s without "
                f"{bound.norm}",
                hint="attack texts of tags, such as --direction t2i, or give the radius as --epsilon",
            )
        words = modality.vocabulary if bound.norm is Norm.CHARACTERS else None
        return cls(epsilon=bound.size, box=modality.box, norm=bound.norm, vocabulary=words)

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

    def steepest(self, gradient: Tensor) -> Tensor:
        """The change of size 1 in the norm that a gradient promises most of: its sign, or in L2 its direction.

        Args:
            gradient: (n, ...) float.
        """
        return self._near.steepest(gradient)

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
        if self.norm is not Norm.CHARACTERS:
            return NEIGHBOURHOODS[self.norm]
        if self.vocabulary is None:
            raise ContractError("a threat of characters has no vocabulary", hint="make it with Threat.on")
        return Characters(spelling_of(self.vocabulary))

    @property
    def _bags(self) -> Bags:
        if isinstance(self._near, Bags):
            return self._near
        raise ContractError(f"a threat in {self.norm} has no single edits", hint="declare norms that count edits")

    def project(self, inputs: Tensor, clean: Tensor) -> Tensor:
        """The nearest inputs within the radius and the box.

        In L-infinity, each element is clipped. In L2, the change is scaled and clipped to the box. Of tags, each is
        rounded to whether it is there, and the largest changes are kept.

        Args:
            inputs: (n, ...) float.
            clean: the same shape; the ball's centres, inside the box.
        """
        return self._near.project(inputs, clean, self.epsilon, self.box)

    def moves(self, now: Tensor, before: Tensor) -> Moves:
        """Every single edit of a bag of words, in a norm that counts, that undoes none.

        Args:
            now: (d,) bool, the words that are there.
            before: (d,) bool, those of the clean bag.

        Raises:
            ContractError: the norm does not count edits.
        """
        return self._bags.moves(now, before)

    def pairs(self, now: Tensor, before: Tensor) -> list[tuple[int | None, int | None]]:
        """Which word of a clean bag has become which other one; None is no word of the vocabulary.

        Args:
            now: (d,) bool, the words that are there.
            before: (d,) bool, those of the clean bag.

        Raises:
            ContractError: the norm does not count edits.
        """
        return self._bags.pairs(now, before)

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
