"""The head of an objective, as the type that it was built with."""

from typing import TypeVar

from torch import nn

from robusthash.contracts import TrainStep

Head = TypeVar("Head", bound=nn.Module)


def head_of(step: TrainStep, kind: type[Head]) -> Head:
    """The head that the trainer passes to a loss.

    Raises:
        TypeError: it is another one.
    """
    if not isinstance(step.head, kind):
        raise TypeError(f"the head is a {type(step.head).__name__}, not a {kind.__name__}")
    return step.head
