"""Single edits of a text, as a norm that counts them defines them."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Some edits of one bag of words.

    Attributes:
        drop: (m,) int64, the word that each edit drops; -1 drops none.
        add: (m,) int64, the word that each adds; -1 adds none.
        cost: (m,) int64, how many edits it counts as.
    """

    drop: Tensor
    add: Tensor
    cost: Tensor

    def __len__(self) -> int:
        return len(self.drop)

    def applied(self, bag: Tensor) -> Tensor:
        """The bags that the edits make of a bag.

        Args:
            bag: (d,) bool.

        Returns:
            (m, d) bool.
        """
        bags = bag.repeat(len(self), 1)
        for words, there in ((self.drop, False), (self.add, True)):
            rows = (words >= 0).nonzero().squeeze(1)
            bags[rows, words[rows]] = there
        return bags

    def where(self, chosen: Tensor) -> "Moves":
        """Some of the edits, by a mask or by positions."""
        return Moves(drop=self.drop[chosen], add=self.add[chosen], cost=self.cost[chosen])

    def best(self, gains: Tensor, count: int) -> "Moves":
        """The edits that promise most, if the effects of words add up.

        Args:
            gains: (d,) float, what the loss is expected to change by if a word is dropped or added; the least is best.
            count: number of edits, fewer if there are no more.
        """
        nothing = gains.new_zeros(1)
        ahead = torch.cat([gains, nothing])  # the last element, -1, is no word
        return self.where((ahead[self.drop] + ahead[self.add]).argsort(stable=True)[:count])
