"""Single edits of a bag of tags: one that is added, one that is dropped, or both, which is a swap."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Some edits of one bag.

    Attributes:
        drop: (m,) int64, the tag that each edit drops; -1 drops none.
        add: (m,) int64, the tag that each adds; -1 adds none.
    """

    drop: Tensor
    add: Tensor

    @property
    def count(self) -> int:
        """Number of edits."""
        return len(self.drop)

    def applied(self, bag: Tensor) -> Tensor:
        """The bags that the edits make of a bag.

        Args:
            bag: (d,) bool.

        Returns:
            (m, d) bool.
        """
        bags = bag.repeat(self.count, 1)
        for tags, there in ((self.drop, False), (self.add, True)):
            rows = (tags >= 0).nonzero().squeeze(1)
            bags[rows, tags[rows]] = there
        return bags


def every_move(bag: Tensor, before: Tensor) -> Moves:
    """Every edit of a bag that undoes none.

    Args:
        bag: (d,) bool, the tags that are there.
        before: (d,) bool, those of the clean bag.

    >>> bag = torch.tensor([True, False, False])
    >>> every_move(bag, bag).applied(bag).int().tolist()
    [[1, 1, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    drops, adds = (_or_none(tags) for tags in _open(bag, before))
    pairs = torch.cartesian_prod(drops, adds)[1:]  # the first drops none and adds none
    return Moves(drop=pairs[:, 0], add=pairs[:, 1])


def best_moves(bag: Tensor, before: Tensor, gains: Tensor, count: int) -> Moves:
    """The edits that promise most, if the effects of tags add up.

    Args:
        bag: (d,) bool, the tags that are there.
        before: (d,) bool, those of the clean bag.
        gains: (d,) float, what the loss is expected to change by if a tag is dropped or added; the least is the best.
        count: number of edits, fewer if there are no more.
    """
    drops, adds = (_or_none(_best(tags, gains, count)) for tags in _open(bag, before))
    # Of a sum of two numbers that are sorted, the best `count` are among the best `count` of each.
    changes = _gain(drops, gains)[:, None] + _gain(adds, gains)[None, :]
    changes[0, 0] = torch.inf
    order = changes.flatten().argsort(stable=True)[: min(count, changes.numel() - 1)]
    return Moves(drop=drops[order // len(adds)], add=adds[order % len(adds)])


def _open(bag: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The tags that may be dropped, and those that may be added: those as in the clean bag."""
    return (bag & before).nonzero().squeeze(1), (~bag & ~before).nonzero().squeeze(1)


def _best(tags: Tensor, gains: Tensor, count: int) -> Tensor:
    return tags[gains[tags].argsort(stable=True)[:count]]


def _or_none(tags: Tensor) -> Tensor:
    return torch.cat([tags.new_full((1,), -1), tags])


def _gain(tags: Tensor, gains: Tensor) -> Tensor:
    return torch.where(tags >= 0, gains[tags.clamp_min(0)], 0.0)
