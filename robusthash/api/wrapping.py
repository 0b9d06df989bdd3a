"""Wraps any network as a hash model."""

from typing import overload

from torch import nn

from robusthash.api import arguments
from robusthash.api.surroundings import training_parts
from robusthash.contracts import IMAGE, CrossModalHashModel, HashModel, Modality
from robusthash.errors import UsageError
from robusthash.training import wrapped


@overload
def wrap(  # type: ignore[overload-overlap]  # what is returned is more than a module in both cases
    network: CrossModalHashModel, *, name: str | None = None
) -> CrossModalHashModel: ...
@overload
def wrap(
    network: nn.Module,
    *,
    bits: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    name: str | None = None,
) -> HashModel: ...
def wrap(
    network: nn.Module,
    *,
    bits: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    name: str | None = None,
) -> HashModel | CrossModalHashModel:
    """Any torch network as a hash model.

    Args:
        network: from images (n, 3, h, w), float in [0, 1], to logits (n, bits), whose signs are the hash code.
            Normalisation is part of it. A hash model is returned as it is.
        bits: code length K that the network must have; None is whatever it returns.
        image_size: height and width of its inputs in pixels, one number for square ones. A hash model has its own.
        name: of the model in tables; None is the network's class.

    Returns:
        A hash model that shares the network's weights, device and training mode. The network is not changed.

    Raises:
        UsageError: the network does not take such images, or returns something other than logits.
    """
    arguments.one(network, "network", nn.Module)
    known = type(network).__name__ if name is None else arguments.one(name, "name", str)
    length = None if bits is None else arguments.number(bits, "bits", least=1)
    hashing = isinstance(network, HashModel | CrossModalHashModel)
    if image_size is None and not hashing:
        raise UsageError("image_size is missing", hint="pass height and width in pixels: image_size=64, or (64, 48)")
    modalities = {} if image_size is None else {IMAGE: Modality.image(*_sides(image_size))}
    learning, training = network.training, training_parts(network)
    try:
        model = wrapped(network, bits=length, modalities=modalities, name=known)
    finally:
        for part in training:
            part.training = True
    if not hashing:
        model.training = learning
    if name is not None or not hashing:
        model.name = known
    return model


def _sides(image_size: object) -> tuple[int, ...]:
    sides = arguments.listed(image_size)
    if len(sides) > 2:
        raise UsageError(f"image_size is {image_size!r}", hint="pass height and width in pixels: 64, or (64, 48)")
    return tuple(arguments.number(side, "image_size", least=1) for side in sides)
