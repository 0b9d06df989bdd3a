"""Any classifier of torchvision, up to its last fully connected layer."""

from dataclasses import dataclass
from difflib import get_close_matches

from torch import nn

from robusthash.errors import OptionError
from robusthash.training import load_weights
from robusthash_models.backbones.normalised import Normalised
from robusthash_models.backbones.pretrained import published_weights, told, torchvision_state

_CLASSES = 1000
_TWO_OUTPUTS = ("googlenet", "inception_v3")  #: in training mode they also return an auxiliary classifier's scores


@dataclass(frozen=True, kw_only=True)
class TorchvisionModel(Normalised):
    """A classifier without its last fully connected layer, which scores the 1000 classes.

    Image size, mean and deviation are those of its published weights. The hash layer has torch's default start.

    Raises:
        OptionError: torchvision has no classifier of this name, or it does not end in such a layer.
    """

    name: str  #: torchvision's name of the network, such as efficientnet_b0

    def __post_init__(self) -> None:
        import torchvision  # slow to import, and other networks do without it

        known = torchvision.models.list_models(module=torchvision.models)
        if self.name not in known:
            near = get_close_matches(self.name, known, n=1, cutoff=0.5)
            raise OptionError(
                f"torchvision has no classifier {self.name!r}",
                hint=(f"did you mean {near[0]!r}? " if near else "") + f"known: {', '.join(known)}",
            )
        if self.name in _TWO_OUTPUTS:
            raise OptionError(
                f"torchvision's {self.name} has auxiliary classifiers, which a hash model cannot use",
                hint="use another network",
            )
        published = published_weights(self.name)
        if published is not None:
            preprocessing = published.transforms()
            object.__setattr__(self, "image_size", preprocessing.crop_size[0])
            object.__setattr__(self, "mean", tuple(preprocessing.mean))
            object.__setattr__(self, "std", tuple(preprocessing.std))
        super().__post_init__()

    def build(self, weights: str) -> tuple[nn.Module, int]:
        """All but the last layer: (n, 3, h, w) to (n, d), d as the network has it."""
        import torchvision

        network: nn.Module = torchvision.models.get_model(self.name, weights=None)
        head, width = self._head(network)
        state = torchvision_state(self.name, weights)
        if state is not None:
            load_weights(network, state, told(self.name, weights), optional=[f"{head}."])
        parent, _, child = head.rpartition(".")
        network.get_submodule(parent).register_module(child, nn.Identity())
        return network, width

    def _head(self, network: nn.Module) -> tuple[str, int]:
        """Name and inputs of the layer that scores the classes: the network's last, and the only one of its kind."""
        leaves = [(name, part) for name, part in network.named_modules() if not any(part.children())]
        heads = [name for name, part in leaves if isinstance(part, nn.Linear) and part.out_features == _CLASSES]
        name, last = leaves[-1]
        if heads != [name] or not isinstance(last, nn.Linear):
            raise OptionError(
                f"torchvision's {self.name} does not end in one fully connected layer of {_CLASSES} classes, "
                "so it is not known where to cut it",
                hint="use another network, or write a backbone that cuts it",
            )
        return name, last.in_features
