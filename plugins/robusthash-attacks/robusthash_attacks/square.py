"""Square Attack (Andriushchenko et al., ECCV 2020), the L-infinity version, on the answers of a retrieval service."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from robusthash.contracts import IMAGE, Attack, AttackBatch, AttackContext, Oracle, Randomness
from robusthash.errors import CapabilityError, OptionError
from robusthash.specs import Capability, Distance

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  #: of 10,000 steps, after which p is halved
_DRAWN = 1000  #: steps whose random numbers are drawn at once


@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Random search that sees answers only: squares of the image go to either end of the ball, and useful ones stay.

    It starts at vertical stripes, one pixel wide, each ``-epsilon`` or ``+epsilon`` in each channel. A step proposes
    one square of side ``sqrt(p h w)`` anywhere in the image, all of it ``-epsilon`` or ``+epsilon`` in each channel,
    and keeps it unless more of the clean answer is left than before (section 3, Algorithms 1 and 2). ``p`` is halved on
    the paper's schedule, rescaled to the budget. A query is finished, and asks no more, once nothing is left.

    What is left is a whole number, to be minimised; the paper minimises a classifier's margin, and this is ours:

    * codes: the number of bits that are those of the clean code, K less the Hamming distance;
    * ids: :func:`overlap` of the list with the clean list.
    """

    effort: ClassVar[str | None] = "queries"

    queries: int = 1000  #: to the service for each image, at most; the clean image is the first
    feedback: Literal["codes", "ids"] = "codes"  #: what the service tells: the hash code, or the nearest items in order
    k: int = 100  #: length of the list of ids
    p: float = 0.8  #: share of the image that the first squares cover
    ties: bool = True  #: keep a square after which as much is left as before

    def __post_init__(self) -> None:
        if self.queries < 2:
            raise OptionError(f"queries={self.queries}", hint="one is for the clean image; leave one or more to try")
        if self.k < 1:
            raise OptionError(f"k={self.k}", hint="a list has at least one id")
        if not 0 < self.p <= 1:
            raise OptionError(f"p={self.p}", hint="a square covers a share of the image in (0, 1]")

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return frozenset({Capability.QUERIES})

    @property
    def distances(self) -> frozenset[Distance]:
        """Codes; any, where the service answers ids alone."""
        return frozenset(Distance) if self.feedback == "ids" else frozenset({Distance.HAMMING})

    @property
    def modalities(self) -> frozenset[str]:  # noqa: D102 - as in the base class
        return frozenset({IMAGE})

    def side(self, step: int, height: int, width: int) -> int:
        """Side of a step's squares, in pixels.

        Args:
            step: how many proposals were made before.
            height: of the image.
            width: of the image.
        """
        halvings = sum(step * 10_000 // self.queries > last for last in _HALVINGS)
        side = round(math.sqrt(self.p / 2**halvings * height * width))
        return min(max(side, 1), height, width)

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        oracle, threat, clean = context.oracle, context.threat, batch.inputs
        if oracle is None:
            raise CapabilityError(
                "square needs the victim's service", hint="use it where queries are answered, or an attack on gradients"
            )
        # Every pixel is at one of two ends, and both are what the guard would deliver: nothing else is ever asked.
        low, high = (threat.deliver(threat.project(clean + way * threat.radius, clean), clean) for way in (-1, 1))
        if torch.equal(low, high):
            return clean.clone()  # epsilon is less than a level
        channels, height, width = clean.shape[1:]
        stripes = context.random.derived("stripes").uniform(batch.ids, (channels, 1, width), restart=context.restart)
        up = (stripes < 0.5).repeat(1, 1, height, 1)
        answer = self._ask(oracle, clean)
        left = self._left(answer, self._ask(oracle, torch.where(up, high, low)))
        observe = context.observe if self.feedback == "codes" else _silent
        observe(batch.ids, 0, torch.full_like(left, oracle.space.size))
        observe(batch.ids, 1, left)  # the bits that are left are the distance to the opposite code
        for step, numbers in enumerate(_draws(context.random, batch.ids, self.queries - 2, context.restart)):
            asking = left.nonzero().squeeze(1)
            if not len(asking):
                break
            rows = asking.to(clean.device)
            proposal = proposed(up[rows], numbers[rows], self.side(step, height, width))
            found = self._left(answer[asking], self._ask(oracle, torch.where(proposal, high[rows], low[rows])))
            kept = found <= left[asking] if self.ties else found < left[asking]
            left[asking[kept]] = found[kept]
            kept = kept.to(clean.device)
            up[rows[kept]] = proposal[kept]
            observe(batch.ids[rows], step + 2, left[asking])
        return torch.where(up, high, low)

    def _ask(self, oracle: Oracle, images: Tensor) -> Tensor:
        return oracle.codes(images) if self.feedback == "codes" else oracle.neighbours(images, self.k)

    def _left(self, clean: Tensor, found: Tensor) -> Tensor:
        return (found == clean).sum(1) if self.feedback == "codes" else overlap(clean, found)


def overlap(clean: Tensor, found: Tensor) -> Tensor:
    """How much of the clean lists is left in others: ``sum over items in both of (k + 1 - i) (k + 1 - j)``.

    ``i`` and ``j`` are an item's places in the two lists, from 1. It is largest for the clean list itself, falls with
    any change of order, before an item has dropped out, and is 0 where none is left. A whole number, so that equal
    answers are exactly equal.

    Args:
        clean: (n, k) int64 ids, no id twice in a row.
        found: (n, k) int64.

    Returns:
        (n,) int64.

    >>> clean = torch.tensor([[7, 3, 9]])
    >>> [overlap(clean, torch.tensor([ids])).item() for ids in ([7, 3, 9], [3, 7, 9], [7, 3, 1], [4, 5, 7], [4, 5, 6])]
    [14, 13, 13, 3, 0]
    """
    k = clean.shape[1]
    ordered, places = clean.sort(dim=1)
    at = torch.searchsorted(ordered, found).clamp_max(k - 1)
    there = ordered.gather(1, at) == found
    weights = k - torch.arange(k, device=found.device)
    return (there * (k - places.gather(1, at)) * weights).sum(1)


def proposed(up: Tensor, numbers: Tensor, side: int) -> Tensor:
    """Each image with one square changed.

    As released, a square that would change nothing is drawn again: here its colour, from all others.

    Args:
        up: (n, channels, h, w) bool, whether an element is at the upper end of the ball.
        numbers: (n, 4) in [0, 1): for the square's place, top and left; for its colour; for another colour.
        side: of the square.

    Returns:
        Bool, as ``up``.
    """
    channels, height, width = up.shape[1:]
    top, left = (numbers[:, :2] * numbers.new_tensor([height - side + 1, width - side + 1])).long().unbind(1)
    inside = _span(top, side, height)[:, None, :, None] & _span(left, side, width)[:, None, None, :]
    colours = 2**channels  # one bit a channel
    first = (numbers[:, 2] * colours).long()
    other = (first + 1 + (numbers[:, 3] * (colours - 1)).long()) % colours
    proposal = torch.where(inside, _bits(first, channels), up)
    idle = (proposal == up).flatten(1).all(1)[:, None, None, None]
    return torch.where(inside & idle, _bits(other, channels), proposal)


def _silent(_ids: Tensor, _step: int, _distance: Tensor) -> None:
    """Lists of ids tell no Hamming distance to observe."""


def _span(start: Tensor, length: int, size: int) -> Tensor:
    """(n, size) bool: the places from start to start + length."""
    ahead = torch.arange(size, device=start.device) - start[:, None]
    return (ahead >= 0) & (ahead < length)


def _bits(numbers: Tensor, count: int) -> Tensor:
    """(n, count, 1, 1) bool: the lowest binary digits."""
    return ((numbers[:, None] >> torch.arange(count, device=numbers.device)) & 1).bool()[..., None, None]


def _draws(random: Randomness, ids: Tensor, steps: int, restart: int) -> Iterator[Tensor]:
    """Four numbers a query for each step: (n, 4)."""
    for start in range(0, steps, _DRAWN):
        shape = (min(_DRAWN, steps - start), 4)
        yield from random.derived(f"squares/{start}").uniform(ids, shape, restart=restart).unbind(1)
