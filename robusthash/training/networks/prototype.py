"""The prototype network (Wang et al., SIGIR 2021): maps a label vector to a code that represents it."""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from robusthash.contracts import Randomness
from robusthash.hashing import sign

_INNER = 512  #: second hidden layer
_MARGIN = 2.0  #: a pair's weight is its similarity's distance from this, on its own side
_QUANTISATION = 1e-4  #: weight of the distance between a prototype and its signs


class PrototypeNetwork(nn.Module):
    """From label vectors to relaxed codes: two hidden layers, the first of them with a ReLU, and a tanh.

    A prototype is near the codes of items that share a label with its label vector, and far from all others. One step
    of its training is :func:`prototype_loss` on a batch of label vectors::

        prototype_loss(network(labels), bank_codes, share_label(labels, bank_labels) > 0).backward()

    Args:
        classes: length of a label vector.
        width: of the first hidden layer.
        bits: code length K.
        random: of the initial weights, uniform within one over the root of the inputs as torch's default is; torch's
            global random state is not used. None leaves the weights without values, to be loaded.
    """

    def __init__(self, classes: int, width: int, bits: int, *, random: Randomness | None) -> None:
        super().__init__()
        self.first = nn.Linear(classes, width, device="meta")
        self.second = nn.Linear(width, _INNER, device="meta")
        self.third = nn.Linear(_INNER, bits, device="meta")
        if random is not None:
            self.to_empty(device="cpu")
            self._draw(random.generator(0))

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Self:
        """A trained network with frozen parameters, on the state's device.

        Args:
            state: a ``state_dict()`` of this class.
        """
        width, classes = state["first.weight"].shape
        network = cls(classes, width, len(state["third.bias"]), random=None)
        network.load_state_dict(state, assign=True)
        return network.requires_grad_(requires_grad=False)

    def forward(self, labels: Tensor) -> Tensor:
        """Prototypes (n, bits) float in (-1, 1) of label vectors (n, classes) in {0, 1}, of any type."""
        return torch.tanh(self.third(self.second(self.first(labels.float()).relu())))

    def _draw(self, generator: np.random.Generator) -> None:
        for layer in (self.first, self.second, self.third):
            bound = layer.in_features**-0.5
            for part in (layer.weight, layer.bias):
                values = generator.uniform(-bound, bound, tuple(part.shape)).astype(np.float32)
                with torch.no_grad():
                    part.copy_(torch.from_numpy(values))


def prototype_loss(found: Tensor, codes: Tensor, related: Tensor) -> Tensor:
    """The circle-type loss of a batch of prototypes, averaged over them.

    With the similarities ``s = <g, b> / K`` of all pairs, ``log sum exp((s + 2) s)`` over the pairs that share no label
    plus ``log sum exp(-(2 - s) s)`` over those that do, the factors in brackets without gradient; plus ``1e-4`` times
    the squared distance of the prototypes from their signs. A side without pairs adds nothing.

    Args:
        found: (n, bits) float in (-1, 1), the prototypes.
        codes: (items, bits) float in {-1, +1}.
        related: (n, items) bool, which pairs share a label.

    Returns:
        A scalar.
    """
    similarity = found @ codes.T / codes.shape[1]
    near, far = similarity[related], similarity[~related]
    total = _QUANTISATION * (sign(found) - found).square().sum()
    if len(near):
        total = total + torch.logsumexp(-(_MARGIN - near.detach()).clamp_min(0) * near, 0)
    if len(far):
        total = total + torch.logsumexp((far.detach() + _MARGIN).clamp_min(0) * far, 0)
    return total / len(found)
