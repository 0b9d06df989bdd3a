"""A hash model in layers: a feature network, perhaps a neck, and a linear hash layer."""

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from robusthash.contracts import CrossModalHashModel, HashModel, Modality, evaluating, towers_of


class LayeredModel(HashModel):
    """A feature network with a linear hash layer on top.

    Args:
        features: the feature network.
        width: number of features.
        modality: of the inputs.
        bits: code length K.
        neck: layers between the features and the hash layer, and their width; None is none.
        hash_init_std: the hash layer's weights are drawn from a normal distribution of this standard deviation, and its
            bias is 0; None is torch's default initialisation.
    """

    def __init__(
        self,
        features: nn.Module,
        width: int,
        *,
        modality: Modality,
        bits: int,
        neck: tuple[nn.Module, int] | None = None,
        hash_init_std: float | None = None,
    ) -> None:
        super().__init__()
        self.bits: int = bits
        self.modality = modality
        self.features = features
        self.neck = None if neck is None else neck[0]
        self.hash_layer = nn.Linear(width if neck is None else neck[1], bits)
        if hash_init_std is not None:
            nn.init.normal_(self.hash_layer.weight, std=hash_init_std)
            nn.init.zeros_(self.hash_layer.bias)

    @abstractmethod
    def embed(self, inputs: Tensor) -> Tensor:
        """Features (n, width) of inputs in the modality's box."""

    @abstractmethod
    def before(self, inputs: Tensor) -> Tensor:
        """What is known of inputs before a training: (n, d) float."""

    @property
    @abstractmethod
    def pretrained(self) -> nn.Module | None:
        """The part that learns at the recipe's ``backbone_lr_scale``; None is no part."""

    def hidden(self, inputs: Tensor) -> Tensor:
        """Inputs (n, w) of the hash layer."""
        features = self.embed(inputs)
        if self.neck is None:
            return features
        found: Tensor = self.neck(features)
        return found

    def stages(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Features (n, width), and what each child of a sequential neck makes of them in turn, up to :meth:`hidden`."""
        found = [self.embed(inputs)]
        for layer in self.neck.children() if isinstance(self.neck, nn.Sequential) else filter(None, [self.neck]):
            found.append(layer(found[-1]))
        return tuple(found)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, bits)."""
        logits: Tensor = self.hash_layer(self.hidden(inputs))
        return logits


def batch_parts(model: HashModel | CrossModalHashModel) -> list[nn.Module]:
    """The parts of a model that compute each item by itself, for :meth:`LossStep.shareable`.

    Of a tower in layers, it is the feature network, whichever of the tower's methods calls it; else the whole tower.
    """
    towers = towers_of(model).values()
    return [tower.features if isinstance(tower, LayeredModel) else tower for tower in towers]


class Inside(HashModel):
    """What a model in layers computes on the way to its logits, in their place.

    Args:
        model: the model, on its device.
        compute: one of its methods, from inputs (n, ...) to (n, d) float.
    """

    def __init__(self, model: LayeredModel, compute: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.modality = model.modality
        self.model = model
        self._compute = compute
        place = model.hash_layer.weight.device
        with evaluating(model), torch.no_grad():
            self.bits: int = compute(torch.full((1, *self.modality.shape), self.modality.box.low, device=place)).shape[
                1
            ]

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of the method (n, d)."""
        return self._compute(inputs)
