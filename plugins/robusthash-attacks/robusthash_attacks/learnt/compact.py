"""A generator for a tight bound and few steps: smaller, faster and sooner at its end than the published one."""

from typing import Self

import torch
from torch import Tensor, nn

from robusthash_attacks.learnt.generator import DOWN, GAIN, Guided, Residual, frame

_TOLD = 0.02  #: standard deviation of the first weights of the scales: nearly the same network for all conditions


class CompactGenerator(Guided):
    """Encodes an image, and decodes a residual on top of a pattern of the condition's.

    It differs from :class:`~robusthash_attacks.learnt.generator.Generator` in three ways. It halves the image at once,
    so that only the head works at full size. The condition is told to each layer by a scale and a shift of each channel
    (FiLM: Perez et al., AAAI 2018), as normalisation takes away most of a map that is drawn from it. And what is the
    same for all images, most of the residual, is a pattern that is linear in the condition; the layers only add what an
    image changes.

    Args:
        size: height and width of the images.
        condition: length of the condition; 0 is a generator without one, whose pattern is the same for all images.
        filters: channels of the last layer; the first has twice as many, the residual blocks four times.
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
        condition = max(condition, 1)
        self.padded = frame(size, DOWN)
        narrow, middle, wide, channels = filters, 2 * filters, 4 * filters, 6 if guided else 3
        self.encoder = nn.ModuleList(
            [
                Told(nn.Conv2d(channels, middle, 4, stride=2, padding=1), condition, middle),
                Told(nn.Conv2d(middle, wide, 4, stride=2, padding=1), condition, wide),
            ]
        )
        self.residual = nn.Sequential(*(Residual(wide) for _ in range(blocks)))
        self.decoder = nn.ModuleList(
            [
                Told(nn.ConvTranspose2d(wide, middle, 4, stride=2, padding=1, bias=False), condition, middle),
                Told(nn.ConvTranspose2d(middle, narrow, 4, stride=2, padding=1, bias=False), condition, narrow),
            ]
        )
        self.head = nn.Conv2d(narrow + channels, 3, 3, padding=1, bias=False)
        self.pattern = nn.Linear(condition, 3 * size[0] * size[1])
        nn.init.zeros_(self.pattern.weight)
        nn.init.zeros_(self.pattern.bias)
        self.gain = nn.Parameter(torch.tensor(GAIN)) if guided else None

    @classmethod
    def of(cls, state: dict[str, Tensor], size: tuple[int, int]) -> Self:
        """A trained network with frozen parameters, on the state's device.

        Args:
            state: a ``state_dict()`` of this class.
            size: height and width of the images.
        """
        filters, condition = state["decoder.1.layer.weight"].shape[1], state["pattern.weight"].shape[1]
        return cls.frozen(state, size, condition, filters=filters)

    def forward(self, images: Tensor, condition: Tensor | None = None, guide: Tensor | None = None) -> Tensor:
        """What the head says of each element, in (-1, 1): (n, 3, h, w).

        Args:
            images: (n, 3, h, w) float in [-1, 1].
            condition: (n, condition) float; None if the generator has none.
            guide: (n, 3, h, w) float in [-1, 1]; None if the generator has none.
        """
        condition = images.new_ones(len(images), 1) if condition is None else condition
        height, width = images.shape[2:]
        framed = self.framed(images, guide)
        encoded = self.encoder[1](self.encoder[0](framed, condition), condition)
        decoded = self.decoder[1](self.decoder[0](self.residual(encoded), condition), condition)
        drawn: Tensor = self.head(torch.cat([decoded, framed], 1))[:, :, :height, :width]
        return self.said(drawn + self.pattern(condition).view_as(images), guide)


class Told(nn.Module):
    """A layer, normalisation of each channel, a scale and a shift of it that the condition decides, and a ReLU."""

    def __init__(self, layer: nn.Module, condition: int, channels: int) -> None:
        super().__init__()
        self.layer = layer
        self.norm = nn.InstanceNorm2d(channels)
        self.scales = nn.Linear(condition, 2 * channels)
        nn.init.normal_(self.scales.weight, std=_TOLD)
        nn.init.zeros_(self.scales.bias)

    def forward(self, inputs: Tensor, condition: Tensor) -> Tensor:
        """Like the layer's, with (n, condition)."""
        scale, shift = self.scales(condition)[:, :, None, None].chunk(2, 1)
        told: Tensor = self.norm(self.layer(inputs)) * (1 + scale) + shift
        return told.relu()
