"""Processes that learn together: each takes a share of every batch, gradients are averaged, and all stay alike."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from robusthash.errors import OptionError, StorageError

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Team:
    """This process among those that learn together; by default, it is alone.

    Every process must call the same methods in the same order. They start with the same state, take the same steps, and
    so end with the same state.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
        device: of what they average, such as ``cuda:1``.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def share(self, batch: int) -> slice:
        """The positions in a batch that this process takes.

        Args:
            batch: number of items.

        Raises:
            OptionError: there are fewer items than processes.
        """
        if batch < self.size:
            raise OptionError(
                f"a batch of {batch} items cannot be shared out to {self.size} processes",
                hint="use larger batches, or fewer processes",
            )
        return slice(self.rank, None, self.size)

    def average(self, parameters: Iterable[Tensor], batch: int) -> None:
        """Replaces the gradients, each of a mean over this process's share, by those of the mean over the batch.

        Args:
            parameters: with their gradients.
            batch: number of items of the whole batch.
        """
        if self.size == 1:
            return
        gradients = [one.grad for one in parameters if one.grad is not None]
        flat = torch.cat([one.flatten() for one in gradients]) * self._weight(batch)
        with _talking():
            distributed.all_reduce(flat)
        for one, part in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
            one.copy_(part.view_as(one))

    def mean(self, losses: Mapping[str, float], batch: int) -> dict[str, float]:
        """Means over a batch, of means over each process's share.

        Args:
            losses: by name, over this process's share.
            batch: number of items of the whole batch.
        """
        weight = self._weight(batch)
        return dict(zip(losses, self.total(*(weight * loss for loss in losses.values())), strict=True))

    def total(self, *values: float) -> tuple[float, ...]:
        """The sums of some numbers over all processes."""
        if self.size == 1:
            return values
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        with _talking():
            distributed.all_reduce(summed)
        return tuple(summed.tolist())

    def agreed(self, value: _Value) -> _Value:
        """The value of the first process, which all of them then have; it can be pickled."""
        if self.size == 1:
            return value
        shared = [value]
        with _talking():
            distributed.broadcast_object_list(shared, src=0, device=torch.device(self.device))
        return shared[0]

    def add(self, values: Tensor) -> Tensor:
        """Adds to a tensor, in place, those of the other processes, and returns it; gradients do not pass through.

        Args:
            values: of the same shape in every process, and contiguous.

        Raises:
            StorageError: another process has ended.
        """
        if self.size > 1:
            with _talking():
                distributed.all_reduce(values)
        return values

    def _weight(self, batch: int) -> float:
        """This process's share of a batch."""
        return 1.0 if self.size == 1 else len(range(batch)[self.share(batch)]) / batch


ALONE = Team()  #: a single process


@contextmanager
def _talking() -> Iterator[None]:
    """Talks to the other processes.

    Raises:
        StorageError: one of them has ended.
    """
    try:
        yield
    except RuntimeError as error:  # what torch raises when a connection is closed
        raise StorageError(
            "another process that learns together with this one has ended",
            hint="its own error says why; an interrupted learning resumes when the same command is run again",
        ) from error
