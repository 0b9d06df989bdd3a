"""Generators: an image, and a condition, to an image (ProS-GAN's: Wang et al., CVPR 2021, section 3.3)."""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from robusthash.errors import CapabilityError

_SMALLEST = 8  #: sides of an image, and of the map that the condition starts from, at least
_LABEL_MAP = 3  #: channels of the map that is drawn from the condition
_CHANNELS = 8  #: channels of the condition's map at full size
GAIN = 2.0  #: of a guide at first; by itself, it is drawn as tanh 2 = 0.96
DOWN = 4  #: factor between the image and the map that the residual blocks work on


def frame(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """Height and width of a frame for images of some size whose sides are multiples of a factor.

    Raises:
        CapabilityError: the images are too small for a generator.

    >>> frame((30, 32), 4)
    (32, 32)
    """
    if min(size) < _SMALLEST:
        raise CapabilityError(f"images of {size[0]}x{size[1]} are too small for a generator", hint="8x8 at least")
    return -(-size[0] // factor) * factor, -(-size[1] // factor) * factor


class Guided(nn.Module):
    """What generators have in common: images in a frame whose sides divide, and a guide. The layers are theirs."""

    padded: tuple[int, int]
    gain: nn.Parameter | None

    @classmethod
    def frozen(cls, state: dict[str, Tensor], size: tuple[int, int], condition: int, *, filters: int) -> Self:
        """A trained network with frozen parameters, on the state's device.

        Args:
            state: a ``state_dict()`` of this class.
            size: height and width of the images.
            condition: its length.
            filters: as it was made with.
        """
        blocks = len({name.split(".")[1] for name in state if name.startswith("residual.")})
        with torch.device("meta"):
            network = cls(size, condition, filters=filters, blocks=blocks, guided="gain" in state)
        network.load_state_dict(state, assign=True)
        return network.requires_grad_(requires_grad=False)

    def framed(self, images: Tensor, guide: Tensor | None) -> Tensor:
        """Images (n, 3, h, w), with their guide if there is one, padded by their border."""
        rows, columns = self.padded
        seen = images if guide is None else torch.cat([images, guide], 1)
        return pad(seen, (0, columns - images.shape[3], 0, rows - images.shape[2]), mode="replicate")

    def said(self, drawn: Tensor, guide: Tensor | None) -> Tensor:
        """What the head says (n, 3, h, w), in (-1, 1), of what it has drawn."""
        return torch.tanh(drawn if guide is None or self.gain is None else drawn + self.gain * guide)


class Generator(Guided):
    """Draws a label map from the condition, encodes it with the image, and decodes an image.

    At 224 x 224, with a condition of 512 numbers, 64 filters and 6 blocks, it is the published network of 21,454,121
    parameters. Another size changes one thing: the condition's map starts at a side of at least 8, after as many
    doublings as that leaves room for, with 8 channels at full size and twice as many for each doubling. An image whose
    sides do not divide is padded by its border, and the result is cut.

    Args:
        size: height and width of the images.
        condition: length of the condition; 0 is a generator without one.
        filters: channels of the first layer of the encoder.
        blocks: residual blocks.
        guided: whether it is shown a guide, a direction for each element. It is added to what the head says, times a
            learnt gain, so that an untrained generator steps along it.

    Raises:
        CapabilityError: the images are smaller than 8 x 8.
    """

    def __init__(
        self, size: tuple[int, int], condition: int, *, filters: int, blocks: int, guided: bool = False
    ) -> None:
        super().__init__()
        doublings = (min(size) // _SMALLEST).bit_length() - 1
        factor = max(2**doublings, DOWN)
        self.padded = frame(size, factor)
        self.label = LabelDecoder(self.padded, condition, doublings) if condition else None
        channels = 6 if guided else 3
        narrow, middle, wide = filters, 2 * filters, 4 * filters
        self.encoder = nn.Sequential(
            nn.Conv2d(channels + (_LABEL_MAP if condition else 0), narrow, 7, padding=3),
            *_norm(narrow),
            nn.Conv2d(narrow, middle, 4, stride=2, padding=1),
            *_norm(middle),
            nn.Conv2d(middle, wide, 4, stride=2, padding=1),
            *_norm(wide),
        )
        self.residual = nn.Sequential(*(Residual(wide) for _ in range(blocks)))
        self.decoder = nn.Sequential(*_up(wide, middle), *_up(middle, narrow))
        self.head = nn.Conv2d(narrow + channels, 3, 3, padding=1, bias=False)
        self.gain = nn.Parameter(torch.tensor(GAIN)) if guided else None

    @classmethod
    def of(cls, state: dict[str, Tensor], size: tuple[int, int]) -> Self:
        """A trained network with frozen parameters, on the state's device.

        Args:
            state: a ``state_dict()`` of this class.
            size: height and width of the images.
        """
        condition = state["label.linear.weight"].shape[1] if "label.linear.weight" in state else 0
        return cls.frozen(state, size, condition, filters=len(state["encoder.0.bias"]))

    def forward(self, images: Tensor, condition: Tensor | None = None, guide: Tensor | None = None) -> Tensor:
        """What the head says of each element, in (-1, 1): (n, 3, h, w).

        Args:
            images: (n, 3, h, w) float in [-1, 1].
            condition: (n, condition) float; None if the generator has none.
            guide: (n, 3, h, w) float in [-1, 1]; None if the generator has none.
        """
        height, width = images.shape[2:]
        framed = self.framed(images, guide)
        parts = [framed] if self.label is None or condition is None else [self.label(condition), framed]
        decoded = self.decoder(self.residual(self.encoder(torch.cat(parts, 1))))
        drawn: Tensor = self.head(torch.cat([decoded, framed], 1))[:, :, :height, :width]
        return self.said(drawn, guide)


class LabelDecoder(nn.Module):
    """Draws a map of three channels from a condition: a linear layer, doublings, and a convolution."""

    def __init__(self, size: tuple[int, int], condition: int, doublings: int) -> None:
        super().__init__()
        channels = _CHANNELS * 2**doublings
        self.start = (channels, size[0] >> doublings, size[1] >> doublings)
        self.linear = nn.Linear(condition, channels * self.start[1] * self.start[2])
        self.doublings = nn.Sequential(
            *(layer for i in range(doublings) for layer in _up(channels >> i, channels >> (i + 1)))
        )
        self.last = nn.Conv2d(_CHANNELS, _LABEL_MAP, 3, padding=1, bias=False)

    def forward(self, condition: Tensor) -> Tensor:
        """The map (n, 3, h, w) of conditions (n, condition)."""
        drawn: Tensor = self.last(self.doublings(self.linear(condition).relu().view(-1, *self.start)))
        return drawn


class Residual(nn.Module):
    """Two convolutions, and the input added to them, without a ReLU at the end."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            *_norm(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        changed: Tensor = inputs + self.layers(inputs)
        return changed


def _norm(channels: int) -> tuple[nn.Module, ...]:
    return nn.InstanceNorm2d(channels), nn.ReLU()


def _up(before: int, after: int) -> tuple[nn.Module, ...]:
    return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False), *_norm(after)
