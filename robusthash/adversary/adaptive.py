"""Auto-PGD's step rule, which adapts its size to the loss (Croce and Hein, ICML 2020, section 3.1, algorithm 1)."""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from robusthash.adversary.rules import Project, StepRule
from robusthash.contracts.attacking.balls.l2 import unit_length


class Adaptive(StepRule):
    """Sign steps with momentum; a sample whose loss stops falling restarts from its best point with half the step size.

    With the projection ``P`` and ``z = P(x_k - s sgn g)``, the next point is
    ``P(x_k + 3/4 (z - x_k) + 1/4 (x_k - x_(k-1)))``; the first one is ``z``. At a checkpoint, the step size ``s`` of a
    sample is halved and ``x_k`` is replaced by its best point if less than three quarters of the steps since the last
    checkpoint lowered the loss, or if neither step size nor best loss has changed since then.

    The paper's algorithm decides on the losses up to the checkpoint's point, and replaces the point after it. Here, as
    in the released code, the checkpoint's point itself is replaced, so that no step is discarded.
    """

    share = 2.0
    momentum = 0.75  #: alpha: weight of the new step; the last one has 1 - alpha
    enough = 0.75  #: rho: share of the steps that must lower the loss

    def __init__(self, *, size: float, steps: int) -> None:
        super().__init__(size=size, steps=steps)
        self._checkpoints = checkpoints(steps)
        self._last = 0  # step of the last checkpoint
        self._made = 0  # steps taken
        self._state: _State | None = None

    def move(self, point: Tensor, gradient: Tensor, losses: Tensor, project: Project) -> Tensor:  # noqa: D102 - as in the base class
        if self._state is None:
            self._state = _State.start(point, gradient, losses, self.size)
        state, alpha = self._state, self.momentum if self._made else 1.0
        state.learn(point, gradient, losses)
        if self._made and self._made in self._checkpoints:
            stuck = state.stuck(self.enough * (self._made - self._last))
            point, gradient = _choose(stuck, state.best, point), _choose(stuck, state.best_gradient, gradient)
            state.pass_checkpoint(stuck)
            self._last = self._made
        plain = project(point - _each(state.size, point) * self.direction(gradient))
        moved = project(point + alpha * (plain - point) + (1 - alpha) * (point - state.before))
        state.before = point
        self._made += 1
        return moved

    def keep(self, rows: Tensor) -> None:  # noqa: D102 - as in the base class
        if self._state is not None:
            self._state = self._state.rows(rows)

    def direction(self, gradient: Tensor) -> Tensor:
        """What a step of size 1 subtracts before the projection: the steepest direction of the norm."""
        return gradient.sign()


class Fine(Adaptive):
    """The same from a small step on, for a start that is good already: a large one would lose what it has found."""

    share = 0.3


class AdaptiveL2(Adaptive):
    """Auto-PGD within an L2 ball: the gradient is divided by its L2 norm, as released."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return unit_length(gradient)


class FineL2(AdaptiveL2):
    """:class:`Fine` within an L2 ball."""

    share = Fine.share


def checkpoints(steps: int) -> tuple[int, ...]:
    """Auto-PGD's checkpoints, the steps ``ceil(p_j T)`` with ``p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06)``.

    Args:
        steps: number of steps T.

    >>> checkpoints(100)
    (0, 22, 41, 57, 70, 80, 87, 93, 99)
    >>> checkpoints(5)
    (0, 2, 3, 4, 5)
    """
    hundredths = [0, 22]  # integers, because 0.57 * 100 exceeds 57 in floating point
    while (following := hundredths[-1] + max(hundredths[-1] - hundredths[-2] - 3, 6)) <= 100:
        hundredths.append(following)
    return tuple(dict.fromkeys(-(-part * steps // 100) for part in hundredths))


@dataclass(kw_only=True)
class _State:
    """State of the samples, one row each."""

    size: Tensor  #: (n,) float, size of the next step
    before: Tensor  #: (n, ...) float, previous point
    loss: Tensor  #: (n,) float, loss at the point of the last step
    falls: Tensor  #: (n,) int64, steps that lowered the loss since the last checkpoint
    best: Tensor  #: (n, ...) float, point with the lowest loss
    best_gradient: Tensor  #: (n, ...) float, gradient at that point
    best_loss: Tensor  #: (n,) float, loss at that point
    best_loss_then: Tensor  #: (n,) float, ``best_loss`` at the last checkpoint
    halved: Tensor  #: (n,) bool, whether the last checkpoint halved the step size

    @classmethod
    def start(cls, point: Tensor, gradient: Tensor, losses: Tensor, size: float) -> Self:
        none = torch.zeros_like(losses, dtype=torch.bool)
        return cls(
            size=torch.full_like(losses, size),
            before=point,
            loss=losses,
            falls=none.long(),
            best=point,
            best_gradient=gradient,
            best_loss=losses,
            best_loss_then=losses,
            halved=none,
        )

    def learn(self, point: Tensor, gradient: Tensor, losses: Tensor) -> None:
        better = losses < self.best_loss
        self.best = _choose(better, point, self.best)
        self.best_gradient = _choose(better, gradient, self.best_gradient)
        self.best_loss = torch.where(better, losses, self.best_loss)
        self.falls = self.falls + (losses < self.loss)
        self.loss = losses

    def stuck(self, enough: float) -> Tensor:
        return (self.falls < enough) | (~self.halved & (self.best_loss == self.best_loss_then))

    def pass_checkpoint(self, stuck: Tensor) -> None:
        self.size = torch.where(stuck, self.size / 2, self.size)
        self.loss = torch.where(stuck, self.best_loss, self.loss)
        self.falls = torch.zeros_like(self.falls)
        self.best_loss_then, self.halved = self.best_loss, stuck

    def rows(self, rows: Tensor) -> Self:
        return type(self)(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


def _choose(which: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    # Indexing by a mask would synchronise a GPU with the host at every step.
    return torch.where(_each(which, yes), yes, no)


def _each(values: Tensor, points: Tensor) -> Tensor:
    """Reshapes (n,) values so that they broadcast against (n, ...) points."""
    return values.view(-1, *[1] * (points.ndim - 1))
