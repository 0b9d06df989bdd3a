"""Edits of a text as somebody could type it: tags added, dropped and swapped, words replaced, characters mistyped."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robusthash.adversary import Aim, Aimed, distance_to, find_aim
from robusthash.contracts import AttackBatch, AttackContext, Moves, Norm
from robusthash.devices import as_double
from robusthash.errors import OptionError

_INPUTS = 8192  #: inputs in one pass
_BELOW = 0.999  #: of one bit: what the loss counts for at most


@dataclass(frozen=True, kw_only=True)
class Edits(Aimed):
    """Edits a text step by step, and keeps the bags of words whose codes are nearest to the aim.

    What an edit is, the norm says. The gradient at a bag tells which edits promise most; the ``candidates`` best of
    them are passed through the model, and the ``beam`` best bags go on. A first edit is tried in all ways, if there are
    no more than ``exhaustive``: then the outcome of one edit is the nearest that there is.

    Bags are compared by the number of bits that differ from the aim, and equal ones by ``-mean(tanh(f(x)) h)``.
    """

    effort: ClassVar[str | None] = "candidates"
    counted: ClassVar[Norm]

    aim: Aim = Aim.MAINSTAY  #: the code to reach
    candidates: int = 64  #: edits of a bag that are tried at each step
    beam: int = 4  #: bags that go on from each step
    exhaustive: int = 2048  #: largest number of first edits that are all tried

    def __post_init__(self) -> None:
        if self.candidates < 1 or self.beam < 1 or self.exhaustive < 0:
            raise OptionError(
                f"candidates={self.candidates}, beam={self.beam}, exhaustive={self.exhaustive}",
                hint="the first two are at least 1, the last at least 0",
            )

    @property
    def norms(self) -> frozenset[Norm]:  # noqa: D102 - as in the base class
        return frozenset({self.counted})

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        clean, box = batch.inputs, context.threat.box
        with torch.no_grad():
            logits = context.surrogate(clean)
        aim = find_aim(self.aim, batch, logits, context.surrogate.space, context.bank)
        found = [self._edited(clean[row], aim[row], batch.ids[row : row + 1], context) for row in range(len(clean))]
        return torch.where(torch.stack(found), box.high, box.low).to(clean)

    def _edited(self, clean: Tensor, aim: Tensor, query: Tensor, context: AttackContext) -> Tensor:
        """The edited bag of one query: (d,) bool. Alone, so that it does not depend on the others of its batch."""
        box = context.threat.box
        before = clean >= box.low + box.width / 2
        bags, scores = before[None], self._scores(before[None], aim, context)
        context.observe(query, 0, scores[:1].long())
        grown: list[list[tuple[Tensor, Moves]]] = []  # after so many edits, the bags of the beam and what to do next
        for edits in range(1, int(context.threat.epsilon) + 1):
            grown.append(self._next(bags, before, aim, context, first=edits == 1))
            tried = [bags]
            for done, pairs in enumerate(grown):
                tried += [moves.where(moves.cost == edits - done).applied(bag) for bag, moves in pairs]
            bags = _distinct(torch.cat(tried))
            scores = self._scores(bags, aim, context)
            order = scores.argsort(stable=True)[: self.beam]
            bags, scores = bags[order.to(bags.device)], scores[order]
            context.observe(query, edits, scores[:1].long())
        return bags[0]

    def _next(
        self, bags: Tensor, before: Tensor, aim: Tensor, context: AttackContext, *, first: bool
    ) -> list[tuple[Tensor, Moves]]:
        """Each bag with the edits to be tried on it: of each cost, all that there are, or those that promise most."""
        box, found = context.threat.box, []
        for bag, slope in zip(bags, self._slopes(bags, aim, context), strict=True):
            gains = slope * torch.where(bag, -box.width, box.width)
            moves = context.threat.moves(bag, before)
            for cost in range(1, int(context.threat.epsilon) + 1):
                alike = moves.where(moves.cost == cost)
                every = first and len(alike) <= self.exhaustive
                found.append((bag, alike if every else alike.best(gains, self.candidates)))
        return found

    def _slopes(self, bags: Tensor, aim: Tensor, context: AttackContext) -> Tensor:
        """Gradients of the loss of some bags: (n, d)."""
        inputs = _typed(bags, context).requires_grad_()
        with torch.enable_grad():
            losses = _losses(context.surrogate(inputs), aim)
            (slopes,) = torch.autograd.grad(losses.sum(), inputs)
        return slopes

    def _scores(self, bags: Tensor, aim: Tensor, context: AttackContext) -> Tensor:
        """Bits that differ from the aim, and below one bit the loss: (n,) float, the least is the best."""
        found = []
        for part in torch.split(bags, _INPUTS):
            with torch.no_grad():
                logits = context.surrogate(_typed(part, context))
            bits = distance_to(aim.expand_as(logits), logits, context.surrogate.space)
            found.append(as_double(bits) + (as_double(_losses(logits, aim)) + 1) / 2 * _BELOW)
        return torch.cat(found)


@dataclass(frozen=True, kw_only=True)
class TagEdits(Edits):
    """Adds, drops and swaps tags of a text."""

    counted: ClassVar[Norm] = Norm.TAGS


@dataclass(frozen=True, kw_only=True)
class WordEdits(Edits):
    """Replaces words of a text by words of the vocabulary."""

    counted: ClassVar[Norm] = Norm.WORDS


@dataclass(frozen=True, kw_only=True)
class Typos(Edits):
    """Mistypes characters of a text, so that a word becomes another one, or none that the model knows."""

    counted: ClassVar[Norm] = Norm.CHARACTERS


def _typed(bags: Tensor, context: AttackContext) -> Tensor:
    box = context.threat.box
    return torch.where(bags, box.high, box.low)


def _losses(logits: Tensor, aim: Tensor) -> Tensor:
    return -(torch.tanh(logits) * aim).mean(1)


def _distinct(bags: Tensor) -> Tensor:
    """Each bag once, in an order that depends on the bags alone."""
    distinct: Tensor = torch.unique(bags, dim=0)
    return distinct
