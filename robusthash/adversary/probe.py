"""A probe of a victim: whether its gradients are usable, its input quantised, and its outputs reproducible."""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from robusthash.adversary.engine import Schedule, descend
from robusthash.adversary.objective import Towards
from robusthash.adversary.steps import Step
from robusthash.contracts import Budget, HashModel, Surrogate, Threat, checked_outputs
from robusthash.epsilon import LEVELS
from robusthash.hashing import sign

_STEPS = 20  #: steps of the unbounded attack
_SIZE = 0.1  #: its step size, as a share of the box: twenty of them are twice its width
_NOISY = 1e-3  #: relative difference of logits that counts; the rounding of kernels is far below it


@dataclass(frozen=True, kw_only=True)
class VictimProbe:
    """What a probe found.

    Attributes:
        randomised: share of logits that differ between two passes of the same inputs.
        gradients: share of inputs with a nonzero gradient; None if the model gives no gradients.
        saturated: share of logits whose magnitude is within 0.1 % of the largest.
        stepped: share of inputs whose logits stay bit-identical under a shift by a quarter of a level.
        batched: share of logits that differ if the same inputs are passed in smaller batches; 0 of a randomised model.
        reached: share of bits that an attack over the whole box can flip; None without gradients, or without bits.
    """

    randomised: float
    gradients: float | None
    saturated: float
    stepped: float
    reached: float | None
    batched: float

    def plain(self) -> dict[str, float]:
        """The values that are not None, by name, for the record."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def probe(model: HashModel, inputs: Tensor) -> VictimProbe:
    """Probes a model on some inputs.

    Args:
        model: in evaluation mode, with frozen parameters.
        inputs: (n, ...) float32, in the box of the model's modality and on its device; a few are enough.
    """
    box = model.modality.box
    with torch.no_grad():
        logits, again = (checked_outputs(model, inputs, model(inputs.clone())) for _ in range(2))
        fewer = torch.cat([model(part.clone()) for part in torch.split(inputs, (len(inputs) + 1) // 2)])
        # A quantiser may round down, up or to the nearest: in at least one direction it ignores a quarter of a level.
        quarter = 0.25 * box.width / (box.levels or LEVELS)
        shifted = [model(box.clamp(inputs + side * quarter)) for side in (-1, 1)]
    differs = (logits - again).abs() > _NOISY * logits.abs().mean()
    depends = (logits - fewer).abs() > _NOISY * logits.abs().mean()
    unmoved = torch.stack([(one == logits).all(1) for one in shifted]).any(0)
    gradients = _gradients(model, inputs)
    return VictimProbe(
        randomised=float(differs.float().mean()),
        gradients=gradients,
        # Of a randomised model nobody can tell: its logits also differ in smaller batches, or agree by chance.
        batched=0.0 if bool(differs.any()) else float(depends.float().mean()),
        saturated=float((logits.abs() > (1 - _NOISY) * logits.abs().max()).float().mean()),
        stepped=float(unmoved.float().mean()),
        reached=_reached(model, inputs, sign(logits)) if gradients is not None and model.space.binary else None,
    )


def _gradients(model: HashModel, images: Tensor) -> float | None:
    leaf = images.clone().requires_grad_()
    with torch.enable_grad():
        logits = model(leaf.clone())
    if not logits.requires_grad:
        return None
    (gradient,) = torch.autograd.grad((logits * sign(logits.detach())).sum(), leaf)
    return float(gradient.flatten(1).any(1).float().mean())


def _reached(model: HashModel, images: Tensor, codes: Tensor) -> float:
    def loss(logits: Tensor, aim: Tensor, _progress: float) -> Tensor:
        return -(logits * aim).mean(1)

    box = model.modality.box
    schedule = Schedule(steps=_STEPS, step=Step.SIGN, size=_SIZE * box.width)
    surrogate = Surrogate(model, Budget())
    start = torch.zeros_like(images)
    opposite = Towards(aim=-codes, of=loss, space=surrogate.space)
    found = descend(surrogate, images, start, opposite, Threat(epsilon=1.0, box=box), schedule)
    return float(1 - found.distance.float().mean() / surrogate.space.size)
