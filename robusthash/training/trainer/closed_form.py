"""Sets a network's hash layer in closed form."""

import torch
from torch import Tensor

from robusthash.boundary import breach, foreign
from robusthash.contracts import (
    ClosedForm,
    HashLayer,
    Progress,
    Randomness,
    Split,
    TrainFeatures,
    TrainingReport,
    silent,
)
from robusthash.training.networks import HashNetwork, Inside, encode
from robusthash.training.trainer.probing import probe


def set_hash_layer(
    network: HashNetwork,
    method: ClosedForm,
    split: Split,
    *,
    seed: int,
    device: torch.device,
    progress: Progress = silent,
) -> TrainingReport:
    """Sets a network's hash layer from its features of the train split; the features do not change.

    The projection is scaled so that the logits of the train split have a root mean square of 1. This changes no code,
    and attacks whose loss depends on the scale of the logits find the usual one.

    Args:
        network: afterwards on ``device``, in evaluation mode.
        method: computes the projection.
        split: the train split.
        seed: of the method's randomness.
        device: where the features are computed; the projection is computed on the CPU.
        progress: called with (done, total, what) after each batch.

    Returns:
        A report with one probe, and neither epochs nor losses. Poor retrieval is not an error: nothing was trained.

    Raises:
        ContractError: the projection has the wrong shape, or values that are not finite.
        UsageError: the method cannot make so many bits from these features.
    """
    network.to(device).eval()
    what = "features of the train split"
    found = encode(
        Inside(network, network.embed),
        split.images,
        device=device,
        progress=lambda done, total: progress(done, total, what),
    )
    train = TrainFeatures(values=found.cpu().double(), labels=split.labels)
    with foreign(method, "compute a hash layer"):
        projection = method.project(train, network.space.size, Randomness(seed=seed, purpose="hash-layer"))
    _check(projection, method, network)
    weight, bias = projection.weight.double(), projection.bias.double()
    size = (train.values @ weight.T + bias).square().mean().sqrt()
    scale = 1.0 if size == 0 else 1 / size
    with torch.no_grad():
        network.hash_layer.weight.copy_(weight * scale)
        network.hash_layer.bias.copy_(bias * scale)
    taken = probe(network, split, seed=seed, epoch=0, device=device)
    return TrainingReport(epochs=0, iterations=0, losses=(), probes=(taken,))


def _check(projection: HashLayer, method: ClosedForm, network: HashNetwork) -> None:
    parts = [getattr(projection, name, None) for name in ("weight", "bias")]
    if not isinstance(projection, HashLayer) or not all(isinstance(part, Tensor) for part in parts):
        raise breach(method, f"returned {type(projection).__name__}", hint="return a HashLayer from `project`")
    wanted = tuple(network.hash_layer.weight.shape), tuple(network.hash_layer.bias.shape)
    found = tuple(projection.weight.shape), tuple(projection.bias.shape)
    if found != wanted:
        raise breach(method, f"returned a weight and a bias of shapes {found}", hint=f"return {wanted}")
    if not (projection.weight.isfinite().all() and projection.bias.isfinite().all()):
        raise breach(method, "returned a projection that is not finite", hint="guard divisions by zero")
