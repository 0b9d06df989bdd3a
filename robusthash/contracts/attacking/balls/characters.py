"""The bags that a few edits of characters make of a text's words."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts.attacking.balls.bags import Bags, bag, largest, there, unit, untouched
from robusthash.contracts.attacking.moves import Moves
from robusthash.contracts.attacking.spelling import Spelling, matched
from robusthash.contracts.modality import Box


class Characters(Bags):
    """At most so many characters of a text are inserted, deleted, substituted, or swapped with the next one.

    A misspelt word is another word of the vocabulary, at their edit distance, or one that the model does not know,
    which is one character away. No misspelling adds a word without dropping one: the distance is then infinite.

    Args:
        spelling: of the vocabulary.
    """

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling

    def distance(self, inputs: Tensor, clean: Tensor, box: Box) -> Tensor:
        """The fewest characters; a fraction of a word counts as the nearest bag has it."""
        now, before = there(inputs, box).flatten(1), there(clean, box).flatten(1)
        found = [self._edits(row, old) for row, old in zip(now.cpu(), before.cpu(), strict=True)]
        return torch.tensor(found, dtype=clean.dtype, device=clean.device)

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """The nearest bag, if no two words come nearest by becoming the same one: the second takes its next best."""
        before = there(clean, box).flatten(1)
        inside = self.contains(inputs, clean, size, box)
        near, now, old = (part.cpu() for part in (unit(inputs, box), there(inputs, box).flatten(1), before))
        found = [
            now[row] if allowed else self._nearest(near[row], old[row], int(size))
            for row, allowed in enumerate(inside.tolist())
        ]
        return bag(torch.stack(found).to(clean.device), clean, box) if found else clean

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        """Misspells as many words as the radius allows, those of the largest numbers: the model knows them no more."""
        before = there(clean, box).flatten(1)
        return bag(before & ~largest(uniform.flatten(1), before, size), clean, box)

    def moves(self, now: Tensor, before: Tensor) -> Moves:  # noqa: D102 - as in the base class
        drops, adds = untouched(now, before)
        pairs = torch.cartesian_prod(drops, adds)
        costs = self.spelling.between(drops.tolist(), adds.tolist()).reshape(-1)
        lost = drops.new_full((len(drops),), -1)
        return Moves(
            drop=torch.cat([drops, pairs[:, 0]]),
            add=torch.cat([lost, pairs[:, 1]]),
            cost=torch.cat([torch.ones_like(drops), torch.from_numpy(costs).to(drops)]),
        )

    def pairs(self, now: Tensor, before: Tensor) -> list[tuple[int | None, int | None]]:
        """What each dropped word has become, by the fewest edits: another word, or None, which no model knows."""
        dropped, added = (before & ~now).nonzero().flatten().tolist(), (now & ~before).nonzero().flatten().tolist()
        costs = self.spelling.between(dropped, added).T
        place = {dropped[column]: word for word, column in zip(added, matched(costs).tolist(), strict=True)}
        return [(word, place.get(word)) for word in dropped]

    def _edits(self, now: Tensor, before: Tensor) -> float:
        if int((now & ~before).sum()) > int((before & ~now).sum()):
            return np.inf
        became = self.pairs(now, before)
        return float(sum(1 if new is None or old is None else self.spelling.row(old)[new] for old, new in became))

    def _nearest(self, near: Tensor, before: Tensor, size: int) -> Tensor:
        """The words of the nearest bag: (d,) bool. A knapsack of what each word may become at each cost."""
        nearer = torch.where(before, 1 - 2 * near, 2 * near - 1).numpy()  # in squares, if a word is dropped or added
        absent = ~before.numpy()
        spent = [_Spent()] * (size + 1)
        for word in before.nonzero().flatten().tolist():
            row, lost = self.spelling.row(word), float(nearer[word])
            becoming = {1: [(lost, -1)]}
            for cost in range(1, size + 1):
                among = np.flatnonzero(absent & (row == cost))
                best = among[np.argsort(-nearer[among], kind="stable")[: size + 1]]  # one of them is not taken yet
                becoming.setdefault(cost, []).extend((lost + float(nearer[new]), int(new)) for new in best)
            spent = [
                max(
                    [spent[used]]
                    + [
                        spent[used - cost].and_then(word, new, gain)
                        for cost, options in becoming.items()
                        if cost <= used
                        for gain, new in options
                        if new not in spent[used - cost].taken
                    ],
                    key=lambda one: one.gain,
                )
                for used in range(size + 1)
            ]
        found = before.clone()
        for word, new in spent[size].became:
            found[word] = False
            if new >= 0:
                found[new] = True
        return found


@dataclass(frozen=True)
class _Spent:
    """How some words are misspelt best: the gain in squares, and what became what, -1 for what no model knows."""

    gain: float = 0.0
    became: tuple[tuple[int, int], ...] = ()

    @cached_property
    def taken(self) -> frozenset[int]:
        """The words that are there already, by being what another one has become."""
        return frozenset(new for _, new in self.became if new >= 0)

    def and_then(self, word: int, new: int, gain: float) -> "_Spent":
        return _Spent(self.gain + gain, (*self.became, (word, new)))
