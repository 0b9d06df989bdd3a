"""A convolutional network for small images."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from robusthash.contracts import Backbone
from robusthash.training import load_tensors, load_weights


@dataclass(frozen=True, kw_only=True)
class SmallCNN(Backbone):
    """Three 3x3 convolutions with batch normalisation, for images from 8x8 up: digits at 16x16, CIFAR at 32x32.

    It has no published weights, so ``default`` is random too.
    """

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    channels_last = True  # up to a third faster on a CPU

    image_size: int = 16  #: height and width of its images, in pixels
    width: int = 16  #: channels of the first convolution; the next have two and four times as many
    grid: int = 2  #: the last feature map is averaged to grid x grid cells

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """Convolutions, each halving the image, then a pooled grid: (n, 3, h, w) to (n, 4 width grid^2)."""
        a, b, c = self.width, 2 * self.width, 4 * self.width
        features = nn.Sequential(
            *_block(3, a),
            *_block(a, b),
            nn.Conv2d(b, c, 3, padding=1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(self.grid),
            nn.Flatten(),
        )
        if weights not in ("none", "default"):
            load_weights(features, load_tensors(Path(weights)), weights)
        return features, c * self.grid**2


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    ]
