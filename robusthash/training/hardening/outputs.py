"""What a tower makes of inputs on the way to their codes, and how far two such outputs are from each other."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from robusthash.contracts import HashModel
from robusthash.training.networks import LayeredModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Outputs:
    """What a tower makes of n inputs.

    Attributes:
        logits: (n, bits) float.
        features: (n, width) float, inputs of the hash layer; None if the model is not in layers.
    """

    logits: Tensor
    features: Tensor | None = None

    @classmethod
    def of(cls, tower: HashModel, inputs: Tensor) -> "Outputs":
        """The outputs of one pass, by the tower's own ``forward``.

        Args:
            tower: in the mode in which it is to be seen.
            inputs: (n, ...) float, of its modality.
        """
        if not isinstance(tower, LayeredModel):
            return cls(logits=tower(inputs))
        found: list[Tensor] = []

        def note(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            found.append(given[0].float())

        noting = tower.hash_layer.register_forward_pre_hook(note)
        try:
            logits = tower(inputs)
        finally:
            noting.remove()
        return cls(logits=logits, features=found[-1])

    @cached_property
    def relaxed(self) -> Tensor:
        """Relaxed codes, tanh of the logits: (n, bits) float in [-1, 1]."""
        return torch.tanh(self.logits)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """How far the codes of others diverge from those of logits, on average over the bits: (n,) float, from 0.

    A relaxed bit tanh f is the mean of a bit in {-1, +1} that is +1 with probability ``p = sigmoid(2 f)``. The
    divergence is that of Kullback and Leibler between such bits, ``p log(p / q) + (1 - p) log((1 - p) / (1 - q))``,
    which has a slope where both bits are saturated on opposite sides.

    Args:
        logits: (n, bits) float.
        others: (n, bits) float.

    >>> even, sure = torch.zeros(1, 1), torch.full((1, 1), 20.0)  # log 2 from a sure bit to an even one
    >>> [round(divergence(one, other).item(), 3) for one, other in ((even, even), (sure, even), (sure, -sure))]
    [0.0, 0.693, 40.0]
    """
    p = torch.sigmoid(2 * logits)
    gains = logsigmoid(2 * logits) - logsigmoid(2 * others)
    losses = logsigmoid(-2 * logits) - logsigmoid(-2 * others)
    return (p * gains + (1 - p) * losses).mean(1)
