"""Step rules: how a gradient becomes a step. All work per sample, so a batch changes nothing."""

from abc import ABC, abstractmethod
from enum import StrEnum

import torch
from torch import Tensor


class Step(StrEnum):
    """Names of the step rules."""

    SIGN = "sign"  #: size * sign(g); the usual PGD
    L2_UNIT = "l2-unit"  #: size * g / ||g||_2, one norm an image; P2P and DHTA as released
    RAW = "raw"  #: size * g
    MOMENTUM = "momentum"  #: size * v with v = 0.9 v + g; HAG
    ADAM = "adam"  #: Adam with size as its learning rate; SDHA


class StepRule(ABC):
    """Turns gradients into steps; keeps whatever state it needs, one row a sample."""

    @abstractmethod
    def step(self, gradient: Tensor) -> Tensor:
        """The step to subtract, for size 1.

        Args:
            gradient: (n, 3, h, w) float.
        """

    def keep(self, rows: Tensor) -> None:  # noqa: B027 - a rule without state has nothing to drop
        """Drops the state of all samples but these: (m,) int64 positions."""


class _Sign(StepRule):
    def step(self, gradient: Tensor) -> Tensor:
        return gradient.sign()


class _L2Unit(StepRule):
    def step(self, gradient: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        norm = norm.clamp_min(torch.finfo(gradient.dtype).tiny)
        return gradient / norm.view(-1, *[1] * (gradient.ndim - 1))


class _Raw(StepRule):
    def step(self, gradient: Tensor) -> Tensor:
        return gradient


class _Momentum(StepRule):
    decay = 0.9

    def __init__(self) -> None:
        self.velocity: Tensor | None = None

    def step(self, gradient: Tensor) -> Tensor:
        self.velocity = gradient if self.velocity is None else self.decay * self.velocity + gradient
        return self.velocity

    def keep(self, rows: Tensor) -> None:
        if self.velocity is not None:
            self.velocity = self.velocity[rows]


class _Adam(StepRule):
    """Kingma and Ba, ICLR 2015, algorithm 1."""

    decay = (0.9, 0.999)
    tiny = 1e-8

    def __init__(self) -> None:
        self.first: Tensor | None = None
        self.second: Tensor | None = None
        self.count = 0

    def step(self, gradient: Tensor) -> Tensor:
        one, two = self.decay
        self.count += 1
        first = (1 - one) * gradient if self.first is None else one * self.first + (1 - one) * gradient
        second = (1 - two) * gradient**2 if self.second is None else two * self.second + (1 - two) * gradient**2
        self.first, self.second = first, second
        unbiased = first / (1 - one**self.count)
        return unbiased / ((second / (1 - two**self.count)).sqrt() + self.tiny)

    def keep(self, rows: Tensor) -> None:
        if self.first is not None and self.second is not None:
            self.first, self.second = self.first[rows], self.second[rows]


_RULES: dict[Step, type[StepRule]] = {
    Step.SIGN: _Sign,
    Step.L2_UNIT: _L2Unit,
    Step.RAW: _Raw,
    Step.MOMENTUM: _Momentum,
    Step.ADAM: _Adam,
}


def step_rule(name: Step) -> StepRule:
    """A fresh rule of this name."""
    return _RULES[name]()
