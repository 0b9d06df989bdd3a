"""AlexNet (Krizhevsky, Sutskever and Hinton, NIPS 2012)."""

from dataclasses import dataclass

from torch import nn

from robusthash_models.backbones.normalised import Normalised
from robusthash_models.backbones.pretrained import torchvision_network


@dataclass(frozen=True, kw_only=True)
class AlexNet(Normalised):
    """Convolutions and the first two fully connected layers; the hash layer has torch's default initialisation."""

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """All but the last layer: (n, 3, h, w) to (n, 4096)."""
        network = torchvision_network("alexnet", weights, head="classifier.6.")
        network.get_submodule("classifier").register_module("6", nn.Identity())
        return network, 4096
