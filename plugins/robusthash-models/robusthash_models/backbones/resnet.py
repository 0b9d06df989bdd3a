"""Residual networks (He, Zhang, Ren and Sun, CVPR 2016)."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from robusthash_models.backbones.normalised import Normalised
from robusthash_models.backbones.pretrained import torchvision_network


@dataclass(frozen=True, kw_only=True)
class ResNet(Normalised):
    """Everything up to the global average pooling; the hash layer is initialised with N(0, 0.01)."""

    hash_init_std = 0.01

    depth: Literal["18", "34", "50", "101", "152"] = "18"  #: layers
    stem: Literal["imagenet", "small"] = "imagenet"  #: small: 3x3, stride 1, no max-pooling, random weights, for 32x32

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """Convolutions and pooling: (n, 3, h, w) to (n, 512) or (n, 2048)."""
        network = torchvision_network(f"resnet{self.depth}", weights, head="fc.")
        if self.stem == "small":
            network.register_module("conv1", nn.Conv2d(3, 64, 3, padding=1, bias=False))
            network.register_module("maxpool", nn.Identity())
        network.register_module("fc", nn.Identity())
        return network, 512 if self.depth in ("18", "34") else 2048
