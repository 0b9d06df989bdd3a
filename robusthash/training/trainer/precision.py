"""The arithmetic of a training's passes through the model; losses, code banks and updates stay in float32."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from robusthash.contracts import Precision, towers_of
from robusthash.training.trainer.frozen import Model
from robusthash.training.trainer.statistics import replaced


@contextmanager
def computing_in(precision: Precision, model: Model, device: torch.device) -> Iterator[None]:
    """Passes through each tower of a model have this precision meanwhile; their outputs are float32.

    Args:
        precision: of the passes, the inner attack's included. The weights stay float32.
        model: on the device.
        device: where it is trained.
    """
    with ExitStack() as stack:
        if precision is Precision.BF16:
            for tower in towers_of(model).values():
                stack.enter_context(replaced(tower, _in_bfloat16(tower.forward, device)))
        yield


def _in_bfloat16(forward: Callable[[Tensor], Tensor], device: torch.device) -> Callable[[Tensor], Tensor]:
    def passed(inputs: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return forward(inputs).float()

    return passed
