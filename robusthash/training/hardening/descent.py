"""The inner attack of adversarial training: sign steps on a batch, the model frozen meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robusthash.contracts import HashModel, Threat


def descend_by_sign(
    model: HashModel,
    clean: Tensor,
    start: Tensor,
    loss: Callable[[Tensor], Tensor],
    threat: Threat,
    *,
    steps: int,
    size: float,
) -> Tensor:
    """Sign steps down a loss of the relaxed codes; the last point is kept, whatever it came to.

    The model's parameters are frozen meanwhile: no gradient reaches them, and none that is there changes.

    Args:
        model: on the images' device, in the mode that it is to be attacked in.
        clean: (n, 3, h, w) float in [0, 1].
        start: the same shape, inside the ball and the box.
        loss: from tanh of the logits, (n, bits), to (n,), to be minimised.
        threat: the ball and the box.
        steps: how many.
        size: of each, in pixel space.

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
