"""VGG (Simonyan and Zisserman, ICLR 2015)."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from robusthash.contracts import Backbone
from robusthash_models.backbones.pretrained import torchvision_network


@dataclass(frozen=True, kw_only=True)
class VGG(Backbone):
    """Convolutions and the first two fully connected layers; the hash layer has torch's own start."""

    depth: Literal["11", "13", "16", "19"] = "11"  #: layers

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """All but the last layer: (n, 3, h, w) to (n, 4096)."""
        network = torchvision_network(f"vgg{self.depth}", weights, head="classifier.6.")
        network.get_submodule("classifier").register_module("6", nn.Identity())
        return network, 4096
