"""The bags of tags that are a few edits away."""

import torch
from torch import Tensor

from robusthash.contracts.attacking.balls.neighbourhood import Neighbourhood
from robusthash.contracts.modality import Box


class Tags(Neighbourhood):
    """At most so many tags are added, dropped or swapped; a tag is there, at the top of the box, or is not.

    A swap is one edit: a tag is dropped, and another one is added in its place. So the distance between two bags of
    tags is the larger of two numbers, of tags added and of tags dropped. It is the edit distance of bags.
    """

    def reach(self, size: float, box: Box) -> float:  # noqa: D102 - as in the base class
        return box.width if size else 0.0

    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:
        """A fraction of a tag counts as the nearest bag has it: as there, from the middle of the box on."""
        now, before = self._there(inputs, box), self._there(clean, box)
        added, dropped = (now & ~before).flatten(1).sum(1), (before & ~now).flatten(1).sum(1)
        return torch.maximum(added, dropped).to(clean.dtype)

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Rounds each tag to whether it is there, and keeps the largest changes: the first of equal ones.

        Added and dropped tags are limited alike, because a swap has one of each.
        """
        now, before = self._there(inputs, box).flatten(1), self._there(clean, box).flatten(1)
        change = (inputs - clean).abs().flatten(1)
        kept = self._largest(change, now & ~before, size) | self._largest(change, before & ~now, size)
        return self._bag(before ^ kept, clean, box)

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Swaps as many tags as the radius allows: those of the largest numbers, and as many others."""
        drawn, before = uniform.flatten(1), self._there(clean, box).flatten(1)
        kept = self._largest(drawn, before, size) | self._largest(drawn, ~before, size)
        return self._bag(before ^ kept, clean, box)

    def contains(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:  # noqa: D102 - as in the base class
        whole = ((inputs - box.low).abs() <= box.tolerance) | ((inputs - box.high).abs() <= box.tolerance)
        return whole.flatten(1).all(1) & (self.distance(inputs, clean, box) <= size)

    @staticmethod
    def _there(inputs: Tensor, box: Box) -> Tensor:
        return inputs >= box.low + box.width / 2

    @staticmethod
    def _largest(change: Tensor, among: Tensor, size: float) -> Tensor:
        """The largest of some changes: (n, d) bool, at most ``size`` in a row."""
        order = change.masked_fill(~among, -torch.inf).argsort(stable=True, dim=1, descending=True)
        return torch.zeros_like(among).scatter(1, order[:, : min(int(size), change.shape[1])], value=True) & among

    @staticmethod
    def _bag(there: Tensor, clean: Tensor, box: Box) -> Tensor:
        return torch.where(there, box.high, box.low).to(clean).view_as(clean)
