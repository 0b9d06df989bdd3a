"""Shares out a batch to the processes of a team: each computes some rows of what the shared parts make of it.

Everything else is computed by every process alike, on the whole batch: losses over pairs, code banks, heads. So the
gradient is that of one process with the whole batch, up to the rounding of sums, and no loss needs to know of it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from robusthash.contracts import Randomness, Team, seeded
from robusthash.training.trainer.statistics import Statistics, add_up, replaced, synchronised

_Compute = Callable[[Tensor], Tensor]


class Sharing:
    """The parts of a model that are shared out, and how often they were called.

    Without gradients, as when a split is encoded, a part works on whole batches in every process: a process that
    runs out of memory there takes smaller batches, and others could not know.

    Args:
        parts: modules, each called with one tensor of a row per item, and computing each row by itself but for batch
            normalisation.
        team: the processes.
        random: of what is drawn inside the parts, such as dropout: each process has a stream of its own.
    """

    def __init__(self, parts: Iterable[nn.Module], team: Team, random: Randomness) -> None:
        self._parts = list(parts)
        self._team = team
        self._random = random.derived(f"process {team.rank}")
        self._statistics = Statistics()
        self._epoch = self._calls = 0

    def begin(self, epoch: int) -> None:
        """Starts an epoch, whose draws depend on nothing that was before it."""
        self._epoch, self._calls = epoch, 0

    def reduce(self, parameters: Iterable[nn.Parameter]) -> None:
        """Makes the gradients of a backward pass those of the whole batch, and the same in every process.

        Args:
            parameters: all that are trained.
        """
        if self._team.size == 1:
            return
        inside = {id(one) for part in self._parts for one in part.parameters()}
        graded = [one for one in parameters if one.grad is not None]
        gradients = [(one.grad, 1.0 if id(one) in inside else 1 / self._team.size) for one in graded]
        if not gradients:
            return
        # Those of the rest are whole already, and alike; their mean keeps processes of unlike hardware together.
        flat = self._team.add(torch.cat([weight * one.flatten() for one, weight in gradients if one is not None]))
        for one, piece in zip(graded, torch.split(flat, [one.numel() for one in graded]), strict=True):
            assert one.grad is not None  # noqa: S101 - chosen by this
            one.grad.copy_(piece.view_as(one.grad))

    @contextmanager
    def sharing(self) -> Iterator["Sharing"]:
        """Shares the parts out meanwhile."""
        with ExitStack() as stack:
            for part in self._parts if self._team.size > 1 else ():
                stack.enter_context(replaced(part, self._shared(part.forward)))
                stack.enter_context(synchronised(part, self._statistics, self._team))
            yield self

    def _shared(self, compute: _Compute) -> _Compute:
        team = self._team

        def forward(inputs: Tensor) -> Tensor:
            if not torch.is_grad_enabled():
                return compute(inputs)
            self._calls += 1
            count = len(inputs)
            if count < team.size:  # all compute it, and each has its share of the gradient
                with seeded(self._random.derived("whole"), self._epoch, self._calls, device=inputs.device):
                    whole: Tensor = _Scaled.apply(compute(_Scaled.apply(inputs, team.size)), 1 / team.size)
                return whole
            rows = team.share(count)
            with (
                seeded(self._random, self._epoch, self._calls, device=inputs.device),
                self._statistics.over(count),
            ):
                found: Tensor = _Whole.apply(compute(_Rows.apply(inputs, team, rows)), team, rows, count)
            return found

        return forward


class _Rows(torch.autograd.Function):
    """This process's rows of a batch; the gradient is that of all rows, from all processes."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, team: Team, rows: slice) -> Tensor:
        ctx.team, ctx.rows, ctx.count = team, rows, len(whole)
        return whole[rows].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return add_up(gradient, ctx.team, ctx.rows, ctx.count), None, None


class _Whole(torch.autograd.Function):
    """The rows of all processes; the gradient is that of this process's rows, as all have the same loss of them."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, team: Team, rows: slice, count: int) -> Tensor:
        ctx.rows = rows
        return add_up(part, team, rows, count)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return gradient[ctx.rows].clone(), None, None, None


class _Scaled(torch.autograd.Function):
    """A tensor as it is, with a scaled gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return values.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.scale, None
