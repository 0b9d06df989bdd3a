"""The prototype network of THA (Wang et al., SIGIR 2021): maps a label vector to a code that represents it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from robusthash.contracts import CodeBank, Randomness
from robusthash.errors import CapabilityError
from robusthash.hashing import sign

_MARGIN = 2.0  #: a pair's weight is its similarity's distance from this, on its own side
_QUANTISATION = 1e-4  #: weight of the distance between a prototype and its signs
_INNER = 512  #: second hidden layer


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a prototype network is trained.

    Attributes:
        width: of the first hidden layer; None is 64 per distinct label vector, up to the published 4096.
        steps: of Adam; None is 100 per distinct label vector, up to the published 30,000.
        batch: label vectors per step.
        rate: learning rate.
    """

    width: int | None = None
    steps: int | None = None
    batch: int = 32
    rate: float = 1e-4


def prototypes(weights: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Prototypes of label vectors: two hidden layers, the first of them with a ReLU, and a tanh.

    Args:
        weights: what :func:`train_prototypes` returned.
        labels: (n, classes) in {0, 1}.

    Returns:
        (n, bits) float in (-1, 1).
    """
    hidden = linear(labels.float(), weights["first.weight"], weights["first.bias"]).relu()
    hidden = linear(hidden, weights["second.weight"], weights["second.bias"])
    return torch.tanh(linear(hidden, weights["third.weight"], weights["third.bias"]))


def train_prototypes(
    bank: CodeBank, training: Training, random: Randomness, progress: Callable[[int, int, str], None]
) -> dict[str, Tensor]:
    """Learns prototypes that are near the codes that share a label with them, and far from the others.

    Args:
        bank: codes and labels of the train split.
        training: how.
        random: of the initial weights and the batches.
        progress: called with (done, total, what).

    Returns:
        The network's weights and biases by name, on the bank's device.

    Raises:
        CapabilityError: no item of the bank has a label.
    """
    codes, labels = bank.codes.float(), bank.labels.float()
    distinct = torch.unique(labels, dim=0)
    distinct = distinct[distinct.any(1)]
    if not len(distinct):
        raise CapabilityError("no item of the train split has a label", hint="use an untargeted attack")
    steps = training.steps or min(100 * len(distinct), 30_000)
    weights = _first_weights(
        (labels.shape[1], training.width or min(64 * len(distinct), 4096), _INNER, codes.shape[1]),
        random.generator(0),
        labels.device,
    )
    optimiser = torch.optim.Adam(list(weights.values()), lr=training.rate, betas=(0.5, 0.999))
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [steps // 2, 3 * steps // 4], gamma=0.1)
    draw = random.generator(1)
    with torch.enable_grad():
        for step in range(steps):
            rows = draw.choice(len(distinct), size=min(training.batch, len(distinct)), replace=False)
            wanted = distinct[torch.from_numpy(rows).to(labels.device)]
            loss = prototype_loss(prototypes(weights, wanted), codes, wanted @ labels.T > 0)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
            progress(step + 1, steps, "prototype network")
    return {name: tensor.detach() for name, tensor in weights.items()}


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


def _first_weights(sizes: tuple[int, ...], draw: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
    """Torch's default initialisation, uniform within one over the root of the inputs, from the given generator."""
    weights = {}
    for name, inputs, outputs in zip(("first", "second", "third"), sizes, sizes[1:], strict=False):
        bound = inputs**-0.5
        for part, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            values = torch.from_numpy(draw.uniform(-bound, bound, shape).astype(np.float32)).to(device)
            weights[f"{name}.{part}"] = values.requires_grad_()
    return weights
