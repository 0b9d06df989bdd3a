"""DenseNet (Huang, Liu, van der Maaten and Weinberger, CVPR 2017)."""

from dataclasses import dataclass

from torch import nn

from robusthash_models.backbones.normalised import Normalised
from robusthash_models.backbones.pretrained import torchvision_network


@dataclass(frozen=True, kw_only=True)
class DenseNet161(Normalised):
    """Convolutions and average pooling, without the ReLU that the classifier has in between.

    This is what the public code of hashing attacks uses; at 224x224 the global average is its 7x7 pooling. The hash
    layer is initialised with N(0, 0.01).
    """

    hash_init_std = 0.01

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """Convolutions and pooling: (n, 3, h, w) to (n, 2208)."""
        network = torchvision_network("densenet161", weights, head="classifier.")
        features = nn.Sequential(network.get_submodule("features"), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return features, 2208
