"""What the norms that count edits have in common: a word is there, at the top of the box, or is not."""

from abc import abstractmethod
from itertools import zip_longest

import torch
from torch import Tensor

from robusthash.contracts.attacking.balls.neighbourhood import Neighbourhood
from robusthash.contracts.attacking.moves import Moves
from robusthash.contracts.modality import Box


class Bags(Neighbourhood):
    """The bags of words that are a few edits away from a clean one."""

    def reach(self, size: float, box: Box) -> float:  # noqa: D102 - as in the base class
        return box.width if size else 0.0

    def contains(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:  # noqa: D102 - as in the base class
        whole = ((inputs - box.low).abs() <= box.tolerance) | ((inputs - box.high).abs() <= box.tolerance)
        return whole.flatten(1).all(1) & (self.distance(inputs, clean, box) <= size)

    @abstractmethod
    def moves(self, now: Tensor, before: Tensor) -> Moves:
        """Every edit of a bag that undoes none.

        Args:
            now: (d,) bool, the words that are there.
            before: (d,) bool, those of the clean bag.
        """

    def pairs(self, now: Tensor, before: Tensor) -> list[tuple[int | None, int | None]]:
        """Which dropped word has become which added one; None is no word.

        Args:
            now: (d,) bool, the words that are there.
            before: (d,) bool, those of the clean bag.
        """
        dropped, added = before & ~now, now & ~before
        return list(zip_longest(dropped.nonzero().flatten().tolist(), added.nonzero().flatten().tolist()))


def there(inputs: Tensor, box: Box) -> Tensor:
    """Whether each word is there; of a fraction, as the nearest bag has it: from the middle of the box on."""
    return inputs >= box.low + box.width / 2


def bag(words: Tensor, clean: Tensor, box: Box) -> Tensor:
    """The inputs with some words, of the shape and type of the clean ones."""
    return torch.where(words, box.high, box.low).to(clean).view_as(clean)


def unit(inputs: Tensor, box: Box) -> Tensor:
    """How much of each word is there, in [0, 1] inside the box: (n, d) float64."""
    return (inputs.flatten(1).double() - box.low) / box.width


def largest(change: Tensor, among: Tensor, size: float) -> Tensor:
    """The largest of some changes, the first of equal ones: (n, d) bool, at most ``size`` in a row."""
    order = change.masked_fill(~among, -torch.inf).argsort(stable=True, dim=1, descending=True)
    return torch.zeros_like(among).scatter(1, order[:, : min(int(size), change.shape[1])], value=True) & among


def untouched(now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The words that may be dropped, and those that may be added: those as in the clean bag."""
    return (now & before).nonzero().squeeze(1), (~now & ~before).nonzero().squeeze(1)
