"""Square Attack (Andriushchenko et al., ECCV 2020), L-infinity version, on the responses of a retrieval service."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from robusthash.contracts import AttackBatch, AttackContext, Oracle, Randomness
from robusthash.errors import CapabilityError, OptionError
from robusthash.specs import Capability, Distance
from robusthash_attacks.images import ImageAttack

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  #: of 10,000 steps, after which p is halved
_DRAWN = 1000  #: steps whose random numbers are drawn at once


@dataclass(frozen=True, kw_only=True)
class Square(ImageAttack):
    """Random search on service responses: squares are set to either extreme of the ball, and kept if they help.

    It starts at vertical stripes, one pixel wide, each ``-epsilon`` or ``+epsilon`` per channel. A step proposes
    one square of side ``sqrt(p h w)`` anywhere in the image, all of it ``-epsilon`` or ``+epsilon`` per channel,
    and keeps it unless the overlap with the clean response grows (section 3, Algorithms 1 and 2). ``p`` is halved on
    the paper's schedule, rescaled to the budget. An image whose overlap reaches 0 is finished and queried no more.

    The overlap is an integer, to be minimised. It replaces the paper's margin of a classifier, and is our own:

    * codes: the number of bits that equal those of the clean code, K minus the Hamming distance;
    * ids: :func:`overlap` of the list with the clean list.
    """

    effort: ClassVar[str | None] = "queries"

    queries: int = 1000  #: most queries to the service per image; the clean image is the first
    feedback: Literal["codes", "ids"] = "codes"  #: response of the service: the hash code, or the nearest ids in order
    k: int = 100  #: length of the list of ids
    p: float = 0.8  #: share of the image that the first squares cover
    ties: bool = True  #: keep a square that leaves the overlap unchanged

    def __post_init__(self) -> None:
        if self.queries < 2:
            raise OptionError(f"queries={self.queries}", hint="at least 2: the clean image takes one")
        if self.k < 1:
            raise OptionError(f"k={self.k}", hint="at least 1")
        if not 0 < self.p <= 1:
            raise OptionError(f"p={self.p}", hint="a share of the image, in (0, 1]")

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return frozenset({Capability.QUERIES})

    @property
    def distances(self) -> frozenset[Distance]:
        """Hamming distance for codes; any distance for ids."""
        return frozenset(Distance) if self.feedback == "ids" else frozenset({Distance.HAMMING})

    def side(self, step: int, height: int, width: int) -> int:
        """Side of a step's squares, in pixels.

        Args:
            step: number of earlier proposals.
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
                "square needs the victim's service", hint="give context.oracle, or use a gradient attack"
            )
        # Both extremes are what the guard would deliver, so the queried image is the delivered one.
        low, high = (threat.deliver(threat.project(clean + way * threat.radius, clean), clean) for way in (-1, 1))
        if torch.equal(low, high):
            return clean.clone()  # epsilon is below one level
        channels, height, width = clean.shape[1:]
        stripes = context.random.derived("stripes").uniform(batch.ids, (channels, 1, width), restart=context.restart)
        up = (stripes < 0.5).repeat(1, 1, height, 1)
        answer = self._ask(oracle, clean)
        left = self._left(answer, self._ask(oracle, torch.where(up, high, low)))
        observe = context.observe if self.feedback == "codes" else _silent
        observe(batch.ids, 0, torch.full_like(left, oracle.space.size))
        observe(batch.ids, 1, left)  # the number of unflipped bits is the distance to the opposite code
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
    """Weighted overlap of lists with the clean lists: ``sum over items in both of (k + 1 - i) (k + 1 - j)``.

    ``i`` and ``j`` are an item's ranks in the two lists, from 1. It is largest for the clean list itself, falls with
    any change of order, even before an item drops out, and is 0 for disjoint lists. It is an integer, so that plateaus
    are detected exactly.

    Args:
        clean: (n, k) int64 ids, distinct within each row; -1 where the service returned fewer.
        found: (n, k) int64, likewise.

    Returns:
        (n,) int64.

    >>> clean = torch.tensor([[7, 3, 9]])
    >>> [overlap(clean, torch.tensor([ids])).item() for ids in ([7, 3, 9], [3, 7, 9], [7, 3, 1], [4, 5, 7], [4, 5, 6])]
    [14, 13, 13, 3, 0]
    >>> overlap(torch.tensor([[7, 3, -1]]), torch.tensor([[7, -1, -1]])).item()
    9
    """
    k = clean.shape[1]
    ordered, places = clean.sort(dim=1)
    at = torch.searchsorted(ordered, found).clamp_max(k - 1)
    there = (ordered.gather(1, at) == found) & (found >= 0)
    weights = k - torch.arange(k, device=found.device)
    return (there * (k - places.gather(1, at)) * weights).sum(1)


def proposed(up: Tensor, numbers: Tensor, side: int) -> Tensor:
    """Each image with one square changed.

    As released, a square that would change nothing is redrawn; here only its colour is, from all other colours.

    Args:
        up: (n, channels, h, w) bool, whether an element is at the upper extreme of the ball.
        numbers: (n, 4) in [0, 1): for the square's top and left, its colour, and another colour.
        side: of the square.

    Returns:
        Bool, as ``up``.
    """
    channels, height, width = up.shape[1:]
    top, left = (numbers[:, :2] * numbers.new_tensor([height - side + 1, width - side + 1])).long().unbind(1)
    inside = _span(top, side, height)[:, None, :, None] & _span(left, side, width)[:, None, None, :]
    colours = 2**channels  # one bit per channel
    first = (numbers[:, 2] * colours).long()
    other = (first + 1 + (numbers[:, 3] * (colours - 1)).long()) % colours
    proposal = torch.where(inside, _bits(first, channels), up)
    idle = (proposal == up).flatten(1).all(1)[:, None, None, None]
    return torch.where(inside & idle, _bits(other, channels), proposal)


def _silent(_ids: Tensor, _step: int, _distance: Tensor) -> None:
    """An observer that ignores its arguments: lists of ids give no Hamming distance."""


def _span(start: Tensor, length: int, size: int) -> Tensor:
    """(n, size) bool: true from start up to start + length."""
    ahead = torch.arange(size, device=start.device) - start[:, None]
    return (ahead >= 0) & (ahead < length)


def _bits(numbers: Tensor, count: int) -> Tensor:
    """(n, count, 1, 1) bool: the lowest binary digits."""
    return ((numbers[:, None] >> torch.arange(count, device=numbers.device)) & 1).bool()[..., None, None]


def _draws(random: Randomness, ids: Tensor, steps: int, restart: int) -> Iterator[Tensor]:
    """Random numbers of each step: (n, 4)."""
    for start in range(0, steps, _DRAWN):
        shape = (min(_DRAWN, steps - start), 4)
        yield from random.derived(f"squares/{start}").uniform(ids, shape, restart=restart).unbind(1)
