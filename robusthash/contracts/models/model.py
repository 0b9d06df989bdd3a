"""What a hash model is: inputs go in, logits come out, their signs are the hash code."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robusthash.contracts.modality import Modality
from robusthash.contracts.space import Space
from robusthash.errors import ContractError
from robusthash.hashing import binarise


class HashModel(nn.Module, ABC):
    """A network whose logits' signs are hash codes. Normalisation lives inside.

    A retrieval system that takes no signs is one too: without ``bits`` its outputs are continuous descriptors, which
    are searched as they are (:class:`~robusthash.contracts.Descriptor`).

    Attributes:
        bits: code length K; None for descriptors.
        modality: shape and box of the inputs.
        name: what it is called where a table shows a model in memory; None is its class.
    """

    bits: int | None
    modality: Modality
    name: str | None = None

    @property
    def space(self) -> Space:
        """Where its outputs are searched.

        Raises:
            ContractError: it has no ``bits``, and says no other space.
        """
        if self.bits is None:
            raise ContractError(
                f"{type(self).__name__} has no bits, and does not say how its outputs are compared",
                hint="override the property `space`",
            )
        return Space.hamming(self.bits)

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        r"""Logits of a batch.

        Args:
            inputs: (n, \*modality.shape) float, inside the modality's box.

        Returns:
            (n, bits) float, raw hash-layer output: no tanh, no sign; descriptors, (n, d) float, without ``bits``.
        """

    def codes(self, inputs: Tensor) -> Tensor:
        """Hash codes of a batch, in evaluation mode and without gradient.

        Args:
            inputs: as for :meth:`forward`.

        Returns:
            (n, bits) int8 in {-1, +1}.

        Raises:
            ContractError: the model gives descriptors.
        """
        if not self.space.binary:
            raise ContractError(f"{type(self).__name__} gives descriptors, not codes", hint="take `represent`")
        with evaluating(self), torch.inference_mode():
            return binarise(self(inputs)).clone()

    def represent(self, inputs: Tensor) -> Tensor:
        """What is stored and searched of a batch, in evaluation mode and without gradient.

        Args:
            inputs: as for :meth:`forward`.

        Returns:
            Packed codes, (n, ceil(bits / 8)) uint8; descriptors, (n, d) float32.
        """
        with evaluating(self), torch.inference_mode():
            return self.space.represent(self(inputs)).clone()


class ModelWrapper(HashModel):
    """A hash model around another one, of the same inputs and outputs: what a defense that trains nothing returns.

    Args:
        model: the model inside.
    """

    def __init__(self, model: HashModel) -> None:
        super().__init__()
        self.model = model
        self.bits = model.bits
        self.modality = model.modality

    @property
    def space(self) -> Space:
        """That of the model inside."""
        return self.model.space


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Puts a module in evaluation mode, and each of its parts back as it was afterwards."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


class Backbone(ABC):
    """A feature network before it is built: a frozen dataclass of options.

    Attributes:
        image_size: height and width of the square images that it is meant for, in pixels.
        mean: of each channel of what it was trained on, in pixel space; subtracted inside the hash model.
        std: likewise; divided by.
        hash_init_std: standard deviation of a normal start of the hash layer put on it; ``None`` is torch's own start.
        channels_last: whether it is faster with its weights in that order, and takes images in either.
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
            weights: ``none`` for a random start, ``default`` for the published pretrained weights, or the path of a
                safetensors file.

        Returns:
            A module from normalised images (n, 3, h, w) to features (n, d), and d.

        Raises:
            CheckpointError: the weights cannot be fetched or read, or do not fit.
        """
