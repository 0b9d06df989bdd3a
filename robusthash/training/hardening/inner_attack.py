"""The inner attack of adversarial training: gradient steps on a batch, with the model's parameters frozen."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from robusthash.contracts import HashModel, Randomness, Threat, TrainBatch, evaluating
from robusthash.epsilon import SLACK
from robusthash.training.hardening.outputs import Outputs

Loss = Callable[[Outputs], Tensor]  #: from a tower's outputs of n inputs to (n,); it is minimised
_HUNDREDTHS = 100  #: of a box without levels: what a radius there is rounded up to


@dataclass(frozen=True, kw_only=True)
class InnerAttack:
    """How each batch is attacked.

    Attributes:
        threat: the ball and the box. If its radius counts edits, each step is one edit, and there are as many.
        steps: number of steps.
        size: of each step, in the units of the inputs.
        random_start: start at a random point of the ball, not at the clean input.
        training_mode: attack the model in training mode, with dropout and batch statistics.
    """

    threat: Threat
    steps: int
    size: float
    random_start: bool = True
    training_mode: bool = False

    def weaker(self, share: float) -> "InnerAttack":
        """The attack with a share of the radius and of the steps, both rounded up.

        A radius is rounded to whole levels of the box, in L2 too, to hundredths of one that has no levels, or to whole
        edits.

        Args:
            share: in (0, 1]; at 1 nothing changes.

        >>> InnerAttack(threat=Threat(epsilon=8 / 255), steps=20, size=0.01).weaker(0.75).threat.epsilon * 255
        6.0
        """
        if share >= 1:
            return self
        unit = 1.0 if self.threat.norm.counts else 1 / (self.threat.box.levels or _HUNDREDTHS)
        whole = math.ceil(self.threat.epsilon * share / unit - SLACK) * unit
        threat = replace(self.threat, epsilon=min(whole, self.threat.epsilon))
        return replace(self, threat=threat, steps=math.ceil(self.steps * share - SLACK))

    def craft(self, model: HashModel, batch: TrainBatch, loss: Loss, random: Randomness, epoch: int) -> Tensor:
        """Adversarial inputs of a batch, of the model's modality.

        Args:
            model: on the batch's device; its modes and parameters are restored afterwards.
            batch: the clean inputs.
            loss: what is minimised.
            random: of the starting points, which depend only on it, the item and the epoch.
            epoch: counted from 0.

        Returns:
            (n, ...) float in the ball and the box, without gradient.
        """
        clean = batch.views[model.modality.name]
        with nullcontext() if self.training_mode else evaluating(model):
            if self.threat.norm.counts:
                return descend_by_edits(model, clean, loss, self.threat)
            start = clean
            if self.random_start:
                uniform = random.uniform(batch.indices, tuple(start.shape[1:]), restart=epoch)
                start = self.threat.point(uniform, clean)
            return descend_within(model, clean, start, loss, self.threat, steps=self.steps, size=self.size)


def descend_within(
    model: HashModel,
    clean: Tensor,
    start: Tensor,
    loss: Loss,
    threat: Threat,
    *,
    steps: int,
    size: float,
) -> Tensor:
    """Steps down a loss of the outputs, the steepest of the norm; returns the last iterate, not the best one.

    The model's parameters are frozen meanwhile: their gradients do not change.

    Args:
        model: on the inputs' device, in the mode in which it is attacked.
        clean: (n, ...) float in the box.
        start: the same shape, inside the ball and the box.
        loss: from the model's outputs to (n,); it is minimised.
        threat: the ball and the box.
        steps: number of steps.
        size: of each step, in the units of the inputs.

    Returns:
        (n, ...) float, without gradient.
    """
    point = start.detach()
    with _frozen(model), torch.enable_grad():
        for _ in range(steps):
            point = threat.project(point - size * threat.steepest(_slope(model, point, loss)), clean)
    return point.detach()


def descend_by_edits(model: HashModel, clean: Tensor, loss: Loss, threat: Threat) -> Tensor:
    """Edits of tags down a loss of the outputs, one after the other.

    At each, the gradient tells which tag promises most to be dropped, and which to be added. Both are done, which is
    one edit; but not what promises to raise the loss, and nothing is done twice.

    Args:
        model: of texts, on the inputs' device, in the mode in which it is attacked.
        clean: (n, d) float, each at one end of the box.
        loss: from the model's outputs to (n,); it is minimised.
        threat: its radius is the number of edits.

    Returns:
        (n, d) float, without gradient.
    """
    box = threat.box
    before = clean >= box.low + box.width / 2
    there = before.clone()
    with _frozen(model), torch.enable_grad():
        for _ in range(int(threat.epsilon)):
            bag = torch.where(there, box.high, box.low).to(clean)
            gains = _slope(model, bag, loss) * torch.where(there, -box.width, box.width)
            gains = gains.masked_fill(there != before, torch.inf)
            flipped = torch.zeros_like(there)
            for among in (there, ~there):
                least, place = gains.masked_fill(~among, torch.inf).min(1, keepdim=True)
                flipped |= torch.zeros_like(there).scatter(1, place, least < 0)
            there = there ^ flipped
    return torch.where(there, box.high, box.low).to(clean)


def _slope(model: HashModel, point: Tensor, loss: Loss) -> Tensor:
    leaf = point.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(Outputs.of(model, leaf)).sum(), leaf)
    return gradient


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad = True
