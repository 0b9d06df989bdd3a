"""ComDefend, a trained purifier (Jia, Wei, Cao and Foroosh, CVPR 2019), as reimplemented in SAAT's code."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from robusthash.contracts import (
    DefenseContext,
    HashModel,
    LossStep,
    ModelWrapper,
    Randomness,
    Recipe,
    TrainBatch,
    TrainedWrapper,
    TrainingReport,
    TrainStep,
    seeded,
)
from robusthash.errors import OptionError

CODE_CHANNELS = 12  #: channels of the compressed image, one bit each
_WIDTHS = (1, 2, 4, 8, 16, 8, 4, 2)  #: channels of the encoder's layers, in units of the first; reversed in the decoder


class Purifier(nn.Module):
    """An encoder from an image to 12 bits a pixel, and a decoder back.

    Args:
        width: channels of the first layer; the widest has 16 times as many.
        noise: standard deviation of the noise on the encoder's output.
    """

    def __init__(self, width: int, noise: float) -> None:
        super().__init__()
        widths = [width * times for times in _WIDTHS]
        self.noise = noise
        self.encoder = _convolutions([3, *widths, CODE_CHANNELS])
        self.decoder = _convolutions([CODE_CHANNELS, *reversed(widths), 3])

    def code(self, images: Tensor) -> Tensor:
        """The noisy code ``b = sigmoid(z - noise * N(0, 1))`` of images: (n, 12, h, w) float in [0, 1]."""
        encoded = self.encoder(images)
        return torch.sigmoid(encoded - self.noise * torch.randn_like(encoded))

    def decode(self, code: Tensor) -> Tensor:
        """Images (n, 3, h, w) in [0, 1] of a code (n, 12, h, w)."""
        return torch.sigmoid(self.decoder(code))


class Purified(ModelWrapper):
    """A hash model with purified inputs.

    Most of the encoder's outputs are so far from zero that the slope of the sigmoid vanishes in float32, with or
    without rounding. So the gradient of :func:`slow_step` is used instead (BPDA; Athalye et al., ICML 2018).

    Args:
        model: the hash model.
        purifier: applied to its inputs.
        stochastic: keep the noise, and do not round.
        masked: use the code's true gradient, to demonstrate gradient masking.
    """

    def __init__(self, model: HashModel, purifier: Purifier, *, stochastic: bool, masked: bool) -> None:
        super().__init__(model)
        self.purifier = purifier
        self.stochastic = stochastic
        self.masked = masked

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        logits: Tensor = self.model(self.purify(inputs))
        return logits

    def purify(self, inputs: Tensor) -> Tensor:
        """The model's inputs for images (n, 3, h, w): the same shape."""
        purifier = self.purifier
        encoded = purifier.encoder(inputs)
        if self.stochastic:
            encoded = encoded - purifier.noise * torch.randn_like(encoded)
            code = torch.sigmoid(encoded)
        else:
            code = torch.sigmoid(encoded).round()
        if not self.masked:
            like = slow_step(encoded, purifier.noise or 1.0)
            code = like + (code - like).detach()
        return purifier.decode(code)


def slow_step(values: Tensor, scale: float) -> Tensor:
    """A step from 0 to 1 that does not saturate in floating point: ``(1 + v / (scale + |v|)) / 2``.

    >>> slow_step(torch.tensor([-20.0, 0.0, 20.0]), 20.0)
    tensor([0.2500, 0.5000, 0.7500])
    """
    return (1 + values / (scale + values.abs())) / 2


@dataclass(frozen=True, kw_only=True)
class ComDefend(TrainedWrapper):
    """Compresses each image to 12 bits per pixel and decodes it, by networks trained on the train split.

    With the encoder's output z and the code b = sigmoid(z - noise N(0, 1)), they minimise ::

        mean((dec(b) - x)²) + sparsity mean(b²)

    The noise drives the encoder's outputs away from zero, so that ``round(sigmoid(z))`` loses little at inference. The
    hash model is not trained.

    Raises:
        OptionError: a value is outside its range.
    """

    width: int = 16  #: channels of the first layer; the widest has 16 times as many
    noise: float = 20.0  #: standard deviation of the noise on the encoder's output
    sparsity: float = 1e-4  #: weight of the mean square of the code
    epochs: int = 50  #: passes over the train split
    batch_size: int = 32  #: images per step
    lr: float = 1e-4  #: learning rate, of Adam
    stochastic: bool = False  #: keep the noise at inference, and do not round, as in SAAT's code
    masked: bool = False  #: use the code's true gradient, which is zero

    def __post_init__(self) -> None:
        if self.width < 1:
            raise OptionError(f"width={self.width}", hint="it must be at least 1")
        if not self.noise >= 0 or not self.sparsity >= 0:
            raise OptionError(f"noise={self.noise}, sparsity={self.sparsity}", hint="they must not be negative")
        _ = self.recipe  # checks the rest

    @property
    def recipe(self) -> Recipe:
        """How it trains."""
        return Recipe(optimizer="adam", lr=self.lr, epochs=self.epochs, batch_size=self.batch_size)

    def around(self, model: HashModel, seed: int) -> Purified:
        """A model with an untrained purifier, whose initial weights are drawn from the seed."""
        with seeded(Randomness(seed=seed, purpose="purifier")):
            purifier = Purifier(self.width, self.noise)
        return Purified(model, purifier, stochastic=self.stochastic, masked=self.masked).eval()

    def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:
        """A copy of a model with a trained purifier, and how its training went.

        Args:
            model: trained; it is not changed.
            context: one that can train.

        Raises:
            CapabilityError: the context cannot train.
            TrainingError: the loss was not finite, or the decoded images retrieve nothing.
            UsageError: the model does not take the train split's images.
            CheckpointError: the snapshot of the unfinished training cannot be read.
        """
        purified = self.around(deepcopy(model).requires_grad_(requires_grad=False), context.seed)
        return purified, context.train(purified, _Reconstruction(self), self.recipe)


class _Reconstruction(LossStep[HashModel]):
    """The reconstruction error, and the size of the code; the hash model is not used."""

    def __init__(self, method: ComDefend) -> None:
        self.method = method

    def identity(self) -> str:
        return f"{type(self.method).__module__}.{self.method!r}"

    def loss(self, model: HashModel, batch: TrainBatch, step: TrainStep) -> Tensor:  # noqa: ARG002 - the same in all steps
        purifier = model.purifier
        assert isinstance(purifier, Purifier)  # noqa: S101 - around made it
        return reconstruction_loss(purifier, batch.images, self.method.sparsity)


def reconstruction_loss(purifier: Purifier, images: Tensor, sparsity: float) -> Tensor:
    """``mean((dec(b) - x)²) + sparsity mean(b²)`` of images x, (n, 3, h, w), and their noisy codes b."""
    code = purifier.code(images)
    return (purifier.decode(code) - images).square().mean() + sparsity * code.square().mean()


def _convolutions(channels: Sequence[int]) -> nn.Sequential:
    """3x3 convolutions that keep the size, with ELU between."""
    layers: list[nn.Module] = []
    for one, other in pairwise(channels):
        layers += [nn.Conv2d(one, other, 3, padding=1), nn.ELU()]
    return nn.Sequential(*layers[:-1])
