"""The inner attack of adversarial training: sign steps on a batch, with the model's parameters frozen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robusthash.contracts import HashModel, Randomness, Threat, TrainBatch, evaluating

Loss = Callable[[Tensor], Tensor]  #: from tanh of the logits, (n, bits), to (n,); it is minimised


@dataclass(frozen=True, kw_only=True)
class InnerAttack:
    """How each batch is attacked.

    Attributes:
        threat: the ball and the box.
        steps: number of steps.
        size: of each step, in pixel space.
        random_start: start at a random point of the ball, not at the clean image.
        training_mode: attack the model in training mode, with dropout and batch statistics.
    """

    threat: Threat
    steps: int
    size: float
    random_start: bool = True
    training_mode: bool = False

    def craft(self, model: HashModel, batch: TrainBatch, loss: Loss, random: Randomness, epoch: int) -> Tensor:
        """Adversarial images of a batch.

        Args:
            model: on the batch's device; its modes and parameters are restored afterwards.
            batch: the clean images.
            loss: what is minimised.
            random: of the starting points, which depend only on it, the item and the epoch.
            epoch: counted from 0.

        Returns:
            (n, 3, h, w) float in the ball and the box, without gradient.
        """
        start = batch.images
        if self.random_start:
            uniform = random.uniform(batch.indices, tuple(start.shape[1:]), restart=epoch)
            start = self.threat.point(uniform, batch.images)
        with nullcontext() if self.training_mode else evaluating(model):
            return descend_by_sign(model, batch.images, start, loss, self.threat, steps=self.steps, size=self.size)


def descend_by_sign(
    model: HashModel,
    clean: Tensor,
    start: Tensor,
    loss: Loss,
    threat: Threat,
    *,
    steps: int,
    size: float,
) -> Tensor:
    """Sign steps down a loss of the relaxed codes; returns the last iterate, not the best one.

    The model's parameters are frozen meanwhile: their gradients do not change.

    Args:
        model: on the images' device, in the mode in which it is attacked.
        clean: (n, 3, h, w) float in [0, 1].
        start: the same shape, inside the ball and the box.
        loss: from tanh of the logits, (n, bits), to (n,); it is minimised.
        threat: the ball and the box.
        steps: number of steps.
        size: of each step, in pixel space.

    Returns:
        (n, 3, h, w) float, without gradient.
    """
    point = start.detach()
    with _frozen(model), torch.enable_grad():
        for _ in range(steps):
            leaf = point.requires_grad_()
            (gradient,) = torch.autograd.grad(loss(torch.tanh(model(leaf))).sum(), leaf)
            point = threat.project(leaf.detach() - size * gradient.sign(), clean)
    return point.detach()


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
