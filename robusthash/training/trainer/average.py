"""An exponential moving average of a model's weights, which is measured and delivered in place of the last ones."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """A moving average of all tensors of a model, those of batch normalisation included.

    After t steps the decay is ``min(decay, (1 + t) / (10 + t))``, so that a short training forgets its start too
    (the usual warm-up, as in TensorFlow's ``ExponentialMovingAverage``). Tensors of whole numbers, such as batch
    normalisation's count of batches, are not averaged: they are the last.

    Args:
        model: whose parts and tensors stay the same objects while it is trained.
        decay: in [0, 1); 0 averages nothing.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = {
            name: tensor for name, tensor in model.state_dict().items() if decay and tensor.is_floating_point()
        }
        self._mean = {name: tensor.clone() for name, tensor in self._live.items()}

    def update(self, steps: int) -> None:
        """Moves the average towards the weights after a step.

        Args:
            steps: number of steps so far, at least 1.
        """
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for name, tensor in self._live.items():
            self._mean[name].lerp_(tensor, share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the average meanwhile, and its own weights again afterwards."""
        own = {name: tensor.clone() for name, tensor in self._live.items()}
        self.deliver()
        try:
            yield
        finally:
            self._write(own)

    def deliver(self) -> None:
        """Gives the model the average for good."""
        self._write(self._mean)

    def state(self) -> dict[str, Tensor]:
        """What :meth:`restore` needs to go on."""
        return dict(self._mean)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restores what :meth:`state` returned; the model's own weights are restored by their owner."""
        self._copy(self._mean, state)

    def _write(self, tensors: Mapping[str, Tensor]) -> None:
        self._copy(self._live, tensors)

    def _copy(self, to: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in to.items():
                tensor.copy_(tensors[name])
