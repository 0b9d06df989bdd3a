"""A descent's memory does not grow with its steps: every byte that a tensor holds is counted while it runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from robusthash.adversary import Schedule, Smoother, Smoothing, Step, Towards, descend
from robusthash.contracts import Budget, Surrogate, Threat
from robusthash.hashing import sign
from robusthash.testing import SmallVictim, toy_batch, toy_context

EARLY, LATE = 20, 60  #: a byte that a step leaves behind is forty by then
Loss = Callable[[Tensor, Tensor, float], Tensor]


class LiveBytes(TorchDispatchMode):
    """Counts the storages that operations make for as long as anything holds them, the autograd graph included."""

    def __init__(self) -> None:
        super().__init__()
        self.storages = WeakIdKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                self.storages[storage] = storage.nbytes()
        return result

    @property
    def total(self) -> int:
        return sum(self.storages.values())


@contextmanager
def counted(loss: Loss) -> Iterator[tuple[Loss, list[int]]]:
    """The same loss, and the live bytes when each step first calls it."""
    history: list[int] = []
    steps: set[float] = set()
    with LiveBytes() as live:

        def counting(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
            if progress not in steps:
                steps.add(progress)
                history.append(live.total)
            return loss(logits, aim, progress)

        yield counting, history


def bytes_by_step(loss: Loss, *, steps: int, step: Step = Step.SIGN, **smoothing: Any) -> list[int]:
    """Live bytes at the beginning of each step of a descent that drops nobody."""
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim, size=4)
    with torch.no_grad():
        aim = -sign(victim(batch.inputs))
    schedule = Schedule(steps=steps, step=step, size=1e-3, stop=False)
    options = Smoothing(**smoothing)
    smoother = Smoother(options, context.random, batch.ids, threat=Threat(epsilon=8 / 255), size=1e-3, restart=0)
    surrogate, start = Surrogate(victim, Budget()), torch.zeros_like(batch.inputs)
    with counted(loss) as (counting, history):
        objective = Towards(aim=aim, of=counting, space=victim.space)
        descend(surrogate, batch.inputs, start, objective, Threat(epsilon=8 / 255), schedule, smoother)
    return history


def linear(logits: Tensor, aim: Tensor, _progress: float) -> Tensor:
    return -(logits * aim).mean(1)


@pytest.mark.parametrize("step", Step)
def test_live_memory_is_the_same_after_20_and_after_60_steps(step: Step) -> None:
    history = bytes_by_step(linear, steps=LATE + 1, step=step)
    assert history[EARLY] > 0
    assert history[LATE] == history[EARLY]


@pytest.mark.slow
def test_live_memory_is_the_same_with_everything_that_smooths_a_gradient() -> None:
    smoothing: dict[str, Any] = {"decay": 1.0, "nesterov": True, "diversity": 0.5, "scales": 2, "variance": 2}
    history = bytes_by_step(linear, steps=LATE + 1, **smoothing)
    assert history[LATE] == history[EARLY]


@pytest.mark.parametrize("kept", ["a graph", "four numbers"])
def test_the_count_sees_a_leak(kept: str) -> None:
    """A loss that holds on to what it made, with all that led to it or without."""
    held: list[Tensor] = []

    def leaking(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        losses = linear(logits, aim, progress)
        held.append(losses if kept == "a graph" else losses.detach())
        return losses

    history = bytes_by_step(leaking, steps=EARLY + 1)
    grown = (history[EARLY] - history[5]) / (EARLY - 5)
    # Four images of 16x16 leave activations of 8 channels in 8x8, and more; four losses are 16 bytes.
    assert grown > 4 * 8 * 8 * 8 * 4 if kept == "a graph" else grown == 16
