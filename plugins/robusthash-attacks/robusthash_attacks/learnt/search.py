"""The search for universal patterns: one step for one pattern at a time."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import LearningContext, Modality, Threat
from robusthash.training import optimizer_state, prefixed, restore_optimizer, under
from robusthash_attacks.learnt.examples import Examples
from robusthash_attacks.learnt.losses import Loss
from robusthash_attacks.learnt.targets import TargetCodes

_PATTERN, _ADAM = "pattern", "adam"


class Patterns(Protocol):
    """What a universal attack says of its patterns: see :class:`~robusthash_attacks.learnt.universal.Universal`."""

    @property
    def batch(self) -> int:
        """Train images per step."""

    @property
    def rate(self) -> float:
        """Learning rate, as a share of half the range of a pattern's elements."""

    def shape(self, modality: Modality) -> tuple[int, ...]:
        """Of a pattern."""

    def limits(self, threat: Threat, elements: int) -> tuple[float, float]:
        """Of a pattern's elements."""

    def apply(self, clean: Tensor, patterns: Tensor, threat: Threat, drawn: Mapping[str, Tensor]) -> Tensor:
        """Inputs with patterns on them."""


class PatternSearch:
    """The patterns while they are learnt: a :class:`~robusthash_attacks.learnt.course.Learner`.

    Args:
        attack: what a pattern is.
        loss: of an input with a pattern.
        context: what it may know.
        codes: the codes to reach, one per pattern; None is one pattern, away from each image's own code.
        drawn: what the attack has drawn.
    """

    def __init__(
        self,
        attack: Patterns,
        loss: Loss,
        context: LearningContext,
        codes: TargetCodes | None,
        drawn: Mapping[str, Tensor],
    ) -> None:
        self._attack, self._loss, self._codes, self._drawn = attack, loss, codes, drawn
        self._surrogate, self._threat, self._bank = context.surrogate, context.threat, context.bank
        self._team = context.team
        parts = [Examples.split(context, without=label) for label in ([None] if codes is None else codes.labels)]
        self._learnt, self._validating = zip(*parts, strict=True)
        self._low, self._high = attack.limits(context.threat, math.prod(context.surrogate.modality.shape))
        shape = attack.shape(context.surrogate.modality)
        start = context.random.derived("start").uniform(torch.arange(len(parts)), shape).to(context.device)
        self.patterns = [one.clone().requires_grad_() for one in self._low + (self._high - self._low) * start]
        self._optimiser = torch.optim.Adam(self.patterns, lr=attack.rate * (self._high - self._low) / 2)

    def step(self, step: int, progress: float) -> Mapping[str, float]:  # noqa: ARG002, D102 - as in the protocol
        index = step % len(self.patterns)
        examples = self._learnt[index]
        rows = examples.batch(step, self._attack.batch)
        with torch.enable_grad():
            loss = self._losses(examples, rows[self._team.share(len(rows))], index).mean()
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._team.average(self.patterns, len(rows))
        self._optimiser.step()
        with torch.no_grad():
            self.patterns[index].clamp_(self._low, self._high)
        return self._team.mean({"loss": float(loss.detach())}, len(rows))

    @torch.no_grad()
    def validate(self) -> float:  # noqa: D102 - as in the protocol
        losses = [
            self._losses(examples, part, index)
            for index, examples in enumerate(self._validating)
            for part in examples.parts(self._attack.batch)
        ]
        return float(torch.cat(losses).mean())

    def state(self) -> dict[str, Tensor]:  # noqa: D102 - as in the protocol
        moments, _ = optimizer_state(self._optimiser)
        return {
            **{f"{_PATTERN}.{i}": pattern.detach() for i, pattern in enumerate(self.patterns)},
            **prefixed(_ADAM, moments),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: D102 - as in the protocol
        with torch.no_grad():
            for i, pattern in enumerate(self.patterns):
                pattern.copy_(state[f"{_PATTERN}.{i}"])
        restore_optimizer(self._optimiser, under(_ADAM, state), {})

    def watch(self) -> tuple[Mapping[str, float], Sequence[str]]:  # noqa: D102 - as in the protocol
        return {}, ()

    @torch.no_grad()
    def shown(self) -> tuple[Tensor, Tensor]:
        """Items that validate, clean and with a pattern: with the only one, or one item for each of the first few."""
        if len(self.patterns) == 1:
            clean = self._validating[0].inputs(self._validating[0].few)
            patterns = self.patterns[0].expand(len(clean), *self.patterns[0].shape)
        else:
            few = self._validating[: len(self._validating[0].few)]
            clean = torch.cat([examples.inputs(examples.few[:1]) for examples in few])
            patterns = torch.stack(self.patterns[: len(few)])
        return clean, self._attack.apply(clean, patterns, self._threat, self._drawn)

    def _losses(self, examples: Examples, rows: np.ndarray, index: int) -> Tensor:
        """Losses (n,) of some train items with one pattern."""
        clean = examples.inputs(rows)
        own = self._bank.codes[torch.from_numpy(rows).to(clean.device)].float()
        aim = -own if self._codes is None else self._codes.codes[index].to(own).expand_as(own)
        patterns = self.patterns[index].expand(len(clean), *self.patterns[index].shape)
        return self._loss(self._surrogate(self._attack.apply(clean, patterns, self._threat, self._drawn)), aim, own)
