"""What a loss finds beside the network in a training step."""

from typing import TypeVar

from torch import nn

from robusthash.contracts import TrainStep
from robusthash.errors import ContractError

H = TypeVar("H", bound=nn.Module)


def head_of(step: TrainStep, kind: type[H]) -> H:
    """The head of a training step, which is of a known class.

    Args:
        step: where in the training this is.
        kind: what the objective's ``head`` builds.

    Raises:
        ContractError: the step carries no such head.
    """
    if not isinstance(step.head, kind):
        raise ContractError(
            f"the loss needs a {kind.__name__} as step.head and found {type(step.head).__name__}",
            hint="hand it what the objective's head() gives, as robusthash.training.ObjectiveStep does",
        )
    return step.head
