"""Grad-CAM for hash outputs.

Grad-CAM (Selvaraju et al., ICCV 2017, equations 1 and 2) weights each channel of the last convolutional map by the
mean gradient of a score, sums the weighted channels, and keeps what is positive. A classifier's score is the logit of a
class. A hash has none; what is explained here is how firmly an image has its own code:

    y(x) = <f(x), h> / K   with the constant   h = sgn f(x)

which is the mean of the logits' magnitudes. No tanh is taken of them: its gradient vanishes for the bits that are
firmest. For descriptors, ``h`` is the descriptor itself at length 1, and ``y`` its length.

Whether a model looks at another place after an attack is seen by explaining both images, each by its own code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from robusthash.contracts import HashModel, evaluating, represented
from robusthash.errors import CapabilityError
from robusthash.explaining.layers import Output, last_map
from robusthash.hashing import sign

__all__ = ["Explanation", "grad_cam"]

_DIMENSIONS = 3  #: of an image
_BATCH = 16  #: images at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """Where a model sees what it makes its codes of.

    Attributes:
        maps: (n, h, w) float32, at least 0, on the CPU: Grad-CAM of each image, in the resolution of the layer.
        layer: name of the module whose output it is of; None is the image itself.
    """

    maps: Tensor
    layer: str | None

    @property
    def relative(self) -> Tensor:
        """The maps, each divided by its largest value, so that they can be shown: (n, h, w) in [0, 1].

        A map that is 0 everywhere stays so. How strong one is beside another is lost.
        """
        largest = self.maps.amax((1, 2), keepdim=True)
        return self.maps / largest.where(largest > 0, torch.ones_like(largest))


def grad_cam(model: HashModel, images: Tensor) -> Explanation:
    """Explains the codes of some images by the last convolutional map of the network.

    :func:`~robusthash.explaining.layers.last_map` finds it: of torchvision's ResNet-50 the output of ``layer4``, of
    DenseNet-161 that of ``features``. Where there is none, as in a transformer, the image itself stands in for it,
    element by element: the gradient times the image. For a linear model this is what each pixel adds to ``y``.

    Args:
        model: the model; its weights, mode and hooks are afterwards as they were.
        images: (n, 3, h, w) float in [0, 1], on the device of the model, at least one.

    Returns:
        One map an image.

    Raises:
        CapabilityError: the model takes no images, or its outputs have no gradient.
        ContractError: an output is NaN or infinite.
    """
    shape = tuple(model.modality.shape)
    if len(shape) != _DIMENSIONS or tuple(images.shape[1:]) != shape or not len(images):
        raise CapabilityError(
            f"no Grad-CAM of {tuple(images.shape)} inputs: {_named(model)} takes {model.modality.name}s {shape}",
            hint="pass images of this shape, at least one",
        )
    images = images.detach()
    with evaluating(model), torch.enable_grad():
        layer = last_map(model, images[:1])
        found = [_explained(model, part, layer) for part in torch.split(images, _BATCH)]
    return Explanation(maps=torch.cat(found).cpu(), layer=layer.module if layer else None)


def _explained(model: HashModel, images: Tensor, layer: Output | None) -> Tensor:
    """Grad-CAM of one batch."""
    if layer is None:
        leaf = images.clone().requires_grad_()
        found = _gradient(model, model(leaf.clone()), leaf) * leaf
    else:
        with _leaf_at(model, layer) as seen:
            outputs = model(images.clone())  # it may change its inputs in place
        found = _gradient(model, outputs, seen[0]).mean((2, 3), keepdim=True) * seen[0]
    return found.sum(1).relu().detach().float()


def _gradient(model: HashModel, outputs: Tensor, leaf: Tensor) -> Tensor:
    """The gradient of ``y`` with respect to what the outputs, (n, size), were computed from."""
    represented(model, outputs.detach())  # refuses NaN
    own, size = sign(outputs.detach()), outputs.shape[1]
    if not model.space.binary:
        own, size = nn.functional.normalize(outputs.detach()), 1
    score = (outputs * own).sum() / size
    gradient = torch.autograd.grad(score, leaf, allow_unused=True)[0] if score.requires_grad else None
    if gradient is None:
        raise CapabilityError(
            f"{_named(model)} has no gradient to explain its outputs by", hint="explain a differentiable model"
        )
    return gradient


@contextmanager
def _leaf_at(model: HashModel, layer: Output) -> Iterator[list[Tensor]]:
    """Replaces an output of a module by a leaf of equal values, which is the one of the list after a forward pass.

    So a gradient with respect to it exists although parameters are frozen, whatever comes before it, such as a JPEG.
    """
    seen: list[Tensor] = []
    calls = count()

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        if next(calls) != layer.call:
            return None
        seen.append(output.detach().clone().requires_grad_())
        return seen[0].clone()  # what follows may change it in place

    handle = model.get_submodule(layer.module).register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def _named(model: HashModel) -> str:
    return model.name or type(model).__name__
