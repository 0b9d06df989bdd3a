"""The bags in which a few words are replaced."""

import torch
from torch import Tensor

from robusthash.contracts.attacking.balls.bags import Bags, bag, there, unit, untouched
from robusthash.contracts.attacking.moves import Moves
from robusthash.contracts.modality import Box


class Words(Bags):
    """At most so many words of a text are replaced by other words of the vocabulary.

    A replacement drops one word and adds another, so the number of words is kept. No number of replacements makes a bag
    of more or fewer words: its distance is infinite.
    """

    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:
        """A fraction of a word counts as the nearest bag has it: as there, from the middle of the box on."""
        now, before = there(inputs, box), there(clean, box)
        added, dropped = (now & ~before).flatten(1).sum(1), (before & ~now).flatten(1).sum(1)
        return torch.where(added == dropped, added.to(clean.dtype), torch.inf)

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Pairs the words that changed most, dropped with added, as long as a pair changed by more than it lacks."""
        before = there(clean, box).flatten(1)
        # How much nearer a word is once it is changed, in squares, up to what is the same for both.
        nearer = torch.where(before, 1 - 2 * unit(inputs, box), 2 * unit(inputs, box) - 1)
        return self._swapped(nearer, before, clean, size, box)

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Replaces as many words as the radius allows: those of the largest numbers, by those of the largest."""
        return self._swapped(1 + uniform.flatten(1), there(clean, box).flatten(1), clean, size, box)

    def moves(self, now: Tensor, before: Tensor) -> Moves:  # noqa: D102 - as in the base class
        pairs = torch.cartesian_prod(*untouched(now, before))
        return Moves(drop=pairs[:, 0], add=pairs[:, 1], cost=torch.ones_like(pairs[:, 0]))

    @staticmethod
    def _swapped(gains: Tensor, before: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Swaps the pairs of largest gains, those that gain anything, and at most ``size``."""
        most = min(int(size), gains.shape[1])
        dropped, added = (
            gains.masked_fill(~among, -torch.inf).sort(dim=1, descending=True, stable=True)
            for among in (before, ~before)
        )
        chosen = (dropped.values + added.values)[:, :most] > 0
        flipped = torch.zeros_like(before)
        for side in (dropped, added):
            flipped |= torch.zeros_like(before).scatter(1, side.indices[:, :most], chosen)
        return bag(before ^ flipped, clean, box)
