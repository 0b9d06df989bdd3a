"""The head of a training step, checked for its class."""

from typing import TypeVar

from torch import nn

from robusthash.contracts import TrainStep
from robusthash.errors import ContractError

H = TypeVar("H", bound=nn.Module)


def head_of(step: TrainStep, kind: type[H]) -> H:
    """The head of a training step.

    Args:
        step: position in the training.
        kind: class that the objective's ``head`` builds.

    Raises:
        ContractError: the step has no such head.
    """
    if not isinstance(step.head, kind):
        raise ContractError(
            f"the loss needs a {kind.__name__} as step.head, not {type(step.head).__name__}",
            hint="set it to the result of the objective's head(), as robusthash.training.ObjectiveStep does",
        )
    return step.head
