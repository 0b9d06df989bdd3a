"""The bags of tags that are a few edits away."""

import torch
from torch import Tensor

from robusthash.contracts.attacking.balls.bags import Bags, bag, largest, there, untouched
from robusthash.contracts.attacking.moves import Moves
from robusthash.contracts.modality import Box


class Tags(Bags):
    """At most so many tags are added, dropped or swapped.

    A swap is one edit: a tag is dropped, and another one is added in its place. So the distance between two bags of
    tags is the larger of two numbers, of tags added and of tags dropped. It is the edit distance of bags.
    """

    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:
        """A fraction of a tag counts as the nearest bag has it: as there, from the middle of the box on."""
        now, before = there(inputs, box), there(clean, box)
        added, dropped = (now & ~before).flatten(1).sum(1), (before & ~now).flatten(1).sum(1)
        return torch.maximum(added, dropped).to(clean.dtype)

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Rounds each tag to whether it is there, and keeps the largest changes: the first of equal ones.

        Added and dropped tags are limited alike, because a swap has one of each.
        """
        now, before = there(inputs, box).flatten(1), there(clean, box).flatten(1)
        change = (inputs - clean).abs().flatten(1)
        kept = largest(change, now & ~before, size) | largest(change, before & ~now, size)
        return bag(before ^ kept, clean, box)

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Swaps as many tags as the radius allows: those of the largest numbers, and as many others."""
        drawn, before = uniform.flatten(1), there(clean, box).flatten(1)
        kept = largest(drawn, before, size) | largest(drawn, ~before, size)
        return bag(before ^ kept, clean, box)

    def moves(self, now: Tensor, before: Tensor) -> Moves:  # noqa: D102 - as in the base class
        drops, adds = (torch.cat([words.new_full((1,), -1), words]) for words in untouched(now, before))
        pairs = torch.cartesian_prod(drops, adds)[1:]  # the first drops none and adds none
        return Moves(drop=pairs[:, 0], add=pairs[:, 1], cost=torch.ones_like(pairs[:, 0]))
