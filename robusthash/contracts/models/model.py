"""Hash models: inputs go in, logits come out, and their signs are the hash code."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robusthash.boundary import blaming, breach
from robusthash.contracts.modality import Modality
from robusthash.contracts.space import Space
from robusthash.errors import ContractError


class HashModel(nn.Module, ABC):
    """A network whose hash codes are the signs of its logits. Normalisation is part of it.

    A model without ``bits`` outputs continuous descriptors, which are searched without taking signs
    (:class:`~robusthash.contracts.Descriptor`).

    Attributes:
        bits: code length K; None for descriptors.
        modality: shape and box of the inputs.
        name: name in tables, for a model passed as an object; None is the name of its class.
    """

    bits: int | None
    modality: Modality
    name: str | None = None

    @property
    def space(self) -> Space:
        """The space in which its outputs are compared; override it in a model without ``bits``.

        Raises:
            ContractError: the model has no ``bits`` and does not override this property.
        """
        if self.bits is None:
            raise ContractError(
                f"{type(self).__name__} has no bits and does not declare how its outputs are compared",
                hint="override the property `space`",
            )
        return Space.hamming(self.bits)

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        r"""Logits of a batch.

        Args:
            inputs: (n, \*modality.shape) float, in the modality's box.

        Returns:
            (n, bits) float, raw hash-layer output: no tanh, no sign. Without ``bits``, descriptors, (n, d) float.
        """

    def codes(self, inputs: Tensor) -> Tensor:
        """Hash codes of a batch, computed in evaluation mode and without gradients.

        Args:
            inputs: as for :meth:`forward`.

        Returns:
            (n, bits) int8 in {-1, +1}.

        Raises:
            ContractError: the model has no ``bits``, or an output is NaN or infinite.
        """
        if not self.space.binary:
            raise ContractError(f"{type(self).__name__} returns descriptors, not codes", hint="call `represent`")
        return self.space.codes(self.represent(inputs))

    def represent(self, inputs: Tensor) -> Tensor:
        """Representations of a batch: what is stored and searched. In evaluation mode and without gradients.

        Args:
            inputs: as for :meth:`forward`.

        Returns:
            Packed codes, (n, ceil(bits / 8)) uint8; descriptors, (n, d) float32.

        Raises:
            ContractError: an output is NaN or infinite.
        """
        with evaluating(self), torch.inference_mode():
            outputs = checked_outputs(self, inputs, self(inputs.clone()))  # it may change its inputs in place
            return represented(self, outputs).clone()


def checked_outputs(model: HashModel, inputs: Tensor, outputs: object, *, size: int | None = None) -> Tensor:
    """The outputs of a model, if they are what its contract says; whether they are finite is seen where they are used.

    Args:
        model: the model.
        inputs: (n, ...) that it was given.
        outputs: what it returned.
        size: of its space, where that is known already.

    Raises:
        ContractError: they are not (n, size) floats.
    """
    wanted = (len(inputs), model.space.size if size is None else size)
    if isinstance(outputs, Tensor) and outputs.shape == wanted and outputs.is_floating_point():
        return outputs
    found = f"{tuple(outputs.shape)} {outputs.dtype}" if isinstance(outputs, Tensor) else type(outputs).__name__
    raise breach(
        model,
        f"returned {found} for {len(inputs)} inputs",
        hint=f"return the hash layer's raw output, {wanted} float",
    )


def represented(model: HashModel, outputs: Tensor) -> Tensor:
    """Representations of a model's outputs, in its space.

    Args:
        model: the model.
        outputs: (n, size) float.

    Raises:
        ContractError: an output is NaN or infinite; the error names the model.
    """
    with blaming(model, "hash inputs"):
        return model.space.represent(outputs)


class ModelWrapper(HashModel):
    """A hash model around another one, with the same inputs and outputs, such as a defense without training.

    Args:
        model: the wrapped model.
    """

    def __init__(self, model: HashModel) -> None:
        super().__init__()
        self.model = model
        self.bits = model.bits
        self.modality = model.modality

    @property
    def space(self) -> Space:
        """The space of the wrapped model."""
        return self.model.space


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Puts a module in evaluation mode, and restores the mode of each submodule afterwards."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


class Backbone(ABC):
    """Builds a feature network: a frozen dataclass of options.

    Attributes:
        image_size: height and width of the square images that it is designed for, in pixels.
        mean: mean of each channel of its training images, in pixel space; the hash model subtracts it.
        std: their standard deviation; the hash model divides by it.
        hash_init_std: standard deviation of normal initial weights of the hash layer; None is torch's initialisation.
        channels_last: whether it is faster with weights in channels-last order; it accepts images in either order.
    """

    image_size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    hash_init_std: float | None = None
    channels_last: bool = False

    @abstractmethod
    def build(self, weights: str) -> tuple[nn.Module, int]:
        """Builds the network.

        Args:
            weights: ``none`` for random weights, ``default`` for the published pretrained ones, or the path of a
                safetensors file.

        Returns:
            A module from normalised images (n, 3, h, w) to features (n, d), and d.

        Raises:
            CheckpointError: the weights cannot be downloaded or read, or do not fit.
        """
