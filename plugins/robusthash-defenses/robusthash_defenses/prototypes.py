"""The prototype network of ATRDH: from a label vector to a code that stands for it, learnt beside the model."""

import numpy as np
import torch
from torch import Tensor, nn

from robusthash.contracts import Randomness
from robusthash.hashing import sign

_INNER = 512  #: second hidden layer
_MARGIN = 2.0  #: a pair's weight is its similarity's distance from this, on its own side
_QUANTISATION = 1e-4  #: weight of the distance between a prototype and its signs


class PrototypeNetwork(nn.Module):
    """Two hidden layers, the first of them with a ReLU, and a tanh.

    Args:
        classes: length of a label vector.
        width: of the first hidden layer.
        bits: code length K.
        seed: of its start: uniform in plus or minus one over the root of the inputs, torch's own default.
    """

    def __init__(self, classes: int, width: int, bits: int, *, seed: int) -> None:
        super().__init__()
        draw = Randomness(seed=seed, purpose="atrdh-prototypes").generator(0)
        self.first = _linear(classes, width, draw)
        self.second = _linear(width, _INNER, draw)
        self.third = _linear(_INNER, bits, draw)

    def forward(self, labels: Tensor) -> Tensor:
        """Prototypes (n, bits) in (-1, 1) of label vectors (n, classes) in {0, 1}."""
        return torch.tanh(self.third(self.second(self.first(labels).relu())))


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


def _linear(inputs: int, outputs: int, draw: np.random.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")  # torch's own start draws from its globals
    bound = inputs**-0.5
    with torch.no_grad():
        for part in (layer.weight, layer.bias):
            part.copy_(torch.from_numpy(draw.uniform(-bound, bound, tuple(part.shape)).astype(np.float32)))
    return layer
