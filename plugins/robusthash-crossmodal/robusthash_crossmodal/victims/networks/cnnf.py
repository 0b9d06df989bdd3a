"""CNN-F (Chatfield et al., BMVC 2014), the image network of DCMH and of most work since."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from robusthash.contracts import Backbone
from robusthash.errors import CheckpointError
from robusthash.training import load_tensors, load_weights


@dataclass(frozen=True, kw_only=True)
class CnnF(Backbone):
    """Five convolutions and two fully connected layers, for images of 224x224.

    The published network subtracts a mean image from values of 0 to 255; here it is the mean of each of its channels.
    """

    mean = (123.68 / 255, 116.78 / 255, 103.94 / 255)
    std = (1 / 255, 1 / 255, 1 / 255)
    hash_init_std = 0.01

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """All but the classifier: (n, 3, 224, 224) to (n, 4096).

        Raises:
            CheckpointError: the weights cannot be read, or do not fit; there are none to download.
        """
        network = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4),
            nn.ReLU(),
            nn.LocalResponseNorm(2, k=2),
            nn.ZeroPad2d((0, 1, 0, 1)),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 256, 5, padding=2),
            nn.ReLU(),
            nn.LocalResponseNorm(2, k=2),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(256, 4096, 6),
            nn.ReLU(),
            nn.Conv2d(4096, 4096, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        if weights == "default":
            raise CheckpointError(
                "there are no weights of cnn-f to download as safetensors",
                hint="convert imagenet-vgg-f.mat, its filters transposed by (3, 2, 0, 1), and give it with --weights",
            )
        if weights != "none":
            load_weights(network, load_tensors(Path(weights)), weights)
        return network, 4096
