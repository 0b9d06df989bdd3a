"""Auto-PGD's step rule, whose size follows the loss (Croce and Hein, ICML 2020, section 3.1 and algorithm 1)."""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from robusthash.adversary.rules import Project, StepRule


class Adaptive(StepRule):
    """Sign steps with momentum; a sample whose loss stops falling goes on from its best point at half the size.

    With the projection ``P`` and ``z = P(x_k - s sgn g)``, the next point is
    ``P(x_k + 3/4 (z - x_k) + 1/4 (x_k - x_(k-1)))``; the first one is ``z`` itself. At a checkpoint a sample's size
    ``s`` is halved, and ``x_k`` becomes its best point, if less than three quarters of the steps since the last
    checkpoint lowered the loss, or if neither its size nor its best loss has changed since then.

    The algorithm judges by the losses up to the checkpoint's own point, and replaces the point after it. Here, as
    released, the checkpoint's own point is replaced, so no step is made only to be thrown away.
    """

    share = 2.0
    momentum = 0.75  #: alpha: share of the new step, beside the last one
    enough = 0.75  #: rho: share of the steps that have to lower the loss

    def __init__(self, *, size: float, steps: int) -> None:
        super().__init__(size=size, steps=steps)
        self._checkpoints = checkpoints(steps)
        self._last = 0  # the checkpoint that was passed last
        self._made = 0  # steps
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
        plain = project(point - _each(state.size, point) * gradient.sign())
        moved = project(point + alpha * (plain - point) + (1 - alpha) * (point - state.before))
        state.before = point
        self._made += 1
        return moved

    def keep(self, rows: Tensor) -> None:  # noqa: D102 - as in the base class
        if self._state is not None:
            self._state = self._state.rows(rows)


def checkpoints(steps: int) -> tuple[int, ...]:
    """The steps ``ceil(p_j T)`` before which Auto-PGD looks back: ``p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06)``.

    >>> checkpoints(100)
    (0, 22, 41, 57, 70, 80, 87, 93, 99)
    >>> checkpoints(5)
    (0, 2, 3, 4, 5)
    """
    hundredths = [0, 22]  # whole, because 0.57 * 100 is more than 57 to a computer
    while (following := hundredths[-1] + max(hundredths[-1] - hundredths[-2] - 3, 6)) <= 100:
        hundredths.append(following)
    return tuple(dict.fromkeys(-(-part * steps // 100) for part in hundredths))


@dataclass(kw_only=True)
class _State:
    """What is known of each sample; one row each."""

    size: Tensor  #: (n,) float, of its next step
    before: Tensor  #: (n, 3, h, w) float, the point before its own
    loss: Tensor  #: (n,) float, at the point that its last step was made from
    falls: Tensor  #: (n,) int64, steps that lowered the loss since the last checkpoint
    best: Tensor  #: (n, 3, h, w) float, its point of least loss
    best_gradient: Tensor  #: (n, 3, h, w) float, there
    best_loss: Tensor  #: (n,) float, there
    best_loss_then: Tensor  #: (n,) float, the same at the last checkpoint
    halved: Tensor  #: (n,) bool, whether the last checkpoint halved its size

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
    # A mask as an index would make a GPU wait for the host at every step.
    return torch.where(_each(which, yes), yes, no)


def _each(values: Tensor, points: Tensor) -> Tensor:
    """One value a sample, in the shape that meets its points."""
    return values.view(-1, *[1] * (points.ndim - 1))
