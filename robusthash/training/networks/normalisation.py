"""A batch normalisation after the hash layer during training, folded into that layer afterwards."""

from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from robusthash.contracts import HashModel
from robusthash.errors import UsageError


def put_batch_norm(model: HashModel) -> None:
    """Puts a batch normalisation of the logits after a model's hash layer, on its device.

    Args:
        model: changed in place; its ``hash_layer`` is linear, and gives the logits.

    Raises:
        UsageError: the model has no such layer.
    """
    layer = getattr(model, "hash_layer", None)
    if not isinstance(layer, nn.Linear):
        raise UsageError(
            f"{type(model).__name__} has no linear layer `hash_layer` that a batch normalisation could follow",
            hint="give the network's last layer this name, or train with another objective",
        )
    normalisation = nn.BatchNorm1d(layer.out_features, device=layer.weight.device, dtype=layer.weight.dtype)
    model.hash_layer = nn.Sequential(layer, normalisation)


def fold_batch_norm(model: HashModel) -> None:
    """Folds what :func:`put_batch_norm` added into the hash layer; evaluation-mode logits do not change.

    With its running statistics a batch normalisation is an affine map, and a linear layer followed by an affine map is
    a linear layer.

    Args:
        model: changed in place.
    """
    layer, normalisation = model.hash_layer  # type: ignore[misc]  # put there by put_batch_norm
    model.hash_layer = fuse_linear_bn_eval(layer.eval(), normalisation.eval())
