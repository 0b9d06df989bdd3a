"""Batch normalisation by the statistics of a whole batch, of which each process has some rows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from robusthash.contracts import Team


class Statistics:
    """How many items the whole batch has that is computed now.

    Attributes:
        items: their number; None while no batch is shared out.
    """

    def __init__(self) -> None:
        self.items: int | None = None

    @contextmanager
    def over(self, items: int) -> Iterator[None]:
        """Computes statistics over a batch of so many items meanwhile."""
        before, self.items = self.items, items
        try:
            yield
        finally:
            self.items = before


@contextmanager
def replaced(module: nn.Module, forward: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Gives a module another ``forward`` meanwhile, by an attribute of that name; its state does not change."""
    own = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own


@contextmanager
def synchronised(part: nn.Module, statistics: Statistics, team: Team) -> Iterator[None]:
    """Lets each batch normalisation in a part see the whole batch meanwhile. Torch has the like for GPUs alone.

    Args:
        part: the module.
        statistics: says when a batch is shared out.
        team: the processes.
    """
    with ExitStack() as stack:
        for module in part.modules():
            if isinstance(module, _BatchNorm):
                stack.enter_context(replaced(module, _normalising(module, module.forward, statistics, team)))
        yield


def add_up(rows: Tensor, team: Team, where: slice, count: int) -> Tensor:
    """All rows of a tensor, of which each process has some.

    Args:
        rows: (n, ...), of this process.
        team: the processes.
        where: the positions of these rows.
        count: number of all rows.
    """
    whole = torch.zeros((count, *rows.shape[1:]), dtype=rows.dtype, device=rows.device)
    whole[where] = rows
    return team.add(whole)


def _normalising(
    module: _BatchNorm, alone: Callable[[Tensor], Tensor], statistics: Statistics, team: Team
) -> Callable[[Tensor], Tensor]:
    def forward(inputs: Tensor) -> Tensor:
        if statistics.items is None or not (module.training or module.running_mean is None):
            return alone(inputs)
        dims = [0, *range(2, inputs.ndim)]
        total = statistics.items * (inputs[0, 0].numel() if inputs.ndim > 2 else 1)
        shape = (1, -1, *(1 for _ in dims[1:]))
        mean = _Summed.apply(inputs.sum(dims), team) / total
        centred = inputs - mean.view(shape)
        variance = _Summed.apply(centred.square().sum(dims), team) / total
        found: Tensor = centred * (variance + module.eps).rsqrt().view(shape)
        if module.affine:
            found = found * module.weight.view(shape) + module.bias.view(shape)
        if module.training and module.track_running_stats:
            _remember(module, mean.detach(), variance.detach() * (total / (total - 1)))
        return found

    return forward


def _remember(module: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Moves the running statistics towards those of a batch, as torch does."""
    assert module.running_mean is not None  # noqa: S101 - they are tracked
    assert module.running_var is not None  # noqa: S101 - likewise
    assert module.num_batches_tracked is not None  # noqa: S101 - likewise
    with torch.no_grad():
        module.num_batches_tracked.add_(1)
        share = 1 / float(module.num_batches_tracked) if module.momentum is None else module.momentum
        module.running_mean.lerp_(mean.to(module.running_mean), share)
        module.running_var.lerp_(variance.to(module.running_var), share)


class _Summed(torch.autograd.Function):
    """The sum over all processes; so is the gradient, as each process normalises its rows by it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, team: Team) -> Tensor:
        ctx.team = team
        return team.add(values.clone())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.team.add(gradient.contiguous().clone()), None
