"""Two-tower networks to be trained: a feature network a modality, each with a hash layer on top."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from robusthash.boundary import blaming, breach, own, whose
from robusthash.contracts import (
    IMAGE,
    Backbone,
    CrossModalHashModel,
    CrossModalObjective,
    Modality,
    Randomness,
    Split,
    TextBackbone,
    evaluating,
    seeded,
)
from robusthash.training.networks.layered import LayeredModel
from robusthash.training.networks.network import HashNetwork, build_features, require_bits
from robusthash.training.networks.weights import plain_state

Feature = Backbone | TextBackbone  #: what builds the feature network of a tower


class TextNetwork(LayeredModel):
    """A feature network of texts (n, d) in their box, with a linear hash layer on top.

    Args:
        features: the feature network.
        width: number of features.
        modality: of the inputs.
        bits: code length K.
        neck: as for :class:`LayeredModel`.
        hash_init_std: as for :class:`LayeredModel`.
        learnt: whether the feature network starts with weights that were learnt elsewhere.
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
        learnt: bool = False,
    ) -> None:
        super().__init__(features, width, modality=modality, bits=bits, neck=neck, hash_init_std=hash_init_std)
        self.learnt = learnt

    def embed(self, inputs: Tensor) -> Tensor:
        """Features (n, width) of texts (n, d)."""
        found: Tensor = self.features(inputs)
        return found

    def before(self, inputs: Tensor) -> Tensor:
        """Features of texts by a network that was learnt elsewhere; else the texts, as no more is known of them."""
        return self.embed(inputs) if self.learnt else inputs

    @property
    def pretrained(self) -> nn.Module | None:
        """The feature network if it was learnt elsewhere; else it starts with random weights, and there is none."""
        return self.features if self.learnt else None


def build_towers(
    objective: CrossModalObjective,
    backbones: Mapping[str, Feature],
    modalities: Mapping[str, Modality],
    *,
    bits: int,
    weights: str,
    seed: int,
) -> CrossModalHashModel:
    """Builds a model of several towers to be trained; its initial weights are a pure function of the arguments.

    Args:
        objective: says what is between features and hash layers.
        backbones: the feature networks, by modality.
        modalities: of the dataset's items; those with a backbone have a tower.
        bits: code length K.
        weights: initial weights of the image tower's backbone, as for :func:`build_network`.
        seed: of the initial weights. Torch's global random state is left unchanged.

    Returns:
        A model on the CPU, in training mode.

    Raises:
        UsageError: ``bits`` is not positive, or a network does not take such inputs.
        CheckpointError: the weights cannot be fetched or read, or do not fit.
        ContractError: a network does not return the features that it promised.
    """
    require_bits(bits)
    towers = {}
    for name, backbone in sorted(backbones.items()):
        with seeded(Randomness(seed=seed, purpose=f"network of {name}s")):
            towers[name] = _tower(objective, backbone, modalities[name], bits=bits, weights=weights)
    return CrossModalHashModel(towers).train()


def prepare_towers(model: CrossModalHashModel, backbones: Mapping[str, Feature], split: Split) -> None:
    """Lets the feature networks of texts take what they need from the train split, such as the words' frequencies.

    Args:
        model: what :func:`build_towers` built.
        backbones: its feature networks.
        split: the train split.
    """
    for name, backbone in backbones.items():
        tower = model.tower(name)
        if isinstance(backbone, TextBackbone) and isinstance(tower, LayeredModel):
            with blaming(backbone, "prepare its network"):
                backbone.prepare(tower.features, split.view(name))


def _tower(
    objective: CrossModalObjective, backbone: Feature, modality: Modality, *, bits: int, weights: str
) -> LayeredModel:
    if isinstance(backbone, Backbone):
        features, width = build_features(backbone, image_size=modality.shape[1], weights=weights)
        return HashNetwork(
            features,
            width,
            bits=bits,
            image_size=modality.shape[1],
            mean=backbone.mean,
            std=backbone.std,
            neck=_neck(objective, IMAGE, width),
            hash_init_std=backbone.hash_init_std,
        )
    features, width = _text_features(backbone, modality)
    return TextNetwork(
        features,
        width,
        modality=modality,
        bits=bits,
        neck=_neck(objective, modality.name, width),
        hash_init_std=backbone.hash_init_std,
        learnt=backbone.pretrained,
    )


def _neck(objective: CrossModalObjective, modality: str, width: int) -> tuple[nn.Module, int] | None:
    with blaming(objective, "build the layers before a hash layer"):  # not `foreign`: the generators are drawn on
        found = objective.neck(modality, width)
    if found is None:
        return None
    neck, size = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    if not isinstance(neck, nn.Module) or not isinstance(size, int):
        raise breach(objective, f"has a neck that is a {type(neck).__name__}", hint="return a module and its width")
    return neck, size


def _text_features(backbone: TextBackbone, modality: Modality) -> tuple[nn.Module, int]:
    with blaming(backbone, "build its network"):
        built = backbone.build(modality)
    features, width = built if isinstance(built, tuple) and len(built) == 2 else (built, None)
    if not isinstance(features, nn.Module) or not isinstance(width, int):
        raise breach(backbone, f"built {type(built).__name__}", hint="return a module and its number of features")
    own(features, whose(backbone))
    plain_state(features)
    with evaluating(features), torch.inference_mode():
        found = features(torch.full((2, *modality.shape), modality.box.low))
    if not isinstance(found, Tensor) or found.shape != (2, width) or not found.is_floating_point():
        shape = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
        raise breach(backbone, f"gave {shape} features of two texts", hint=f"it promised {(2, width)} floats")
    return features, width
