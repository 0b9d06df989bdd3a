"""The trained network: normalisation, features, hash layer."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from robusthash.boundary import blaming, breach, own, told, whose
from robusthash.contracts import IMAGE, Backbone, Modality, Randomness, evaluating, seeded
from robusthash.errors import UsageError
from robusthash.files.tensors import under
from robusthash.specs import NAMED_WEIGHTS
from robusthash.training.networks.checkpoint import is_checkpoint, load_checkpoint
from robusthash.training.networks.layered import LayeredModel
from robusthash.training.networks.weights import load_weights, plain_state


class HashNetwork(LayeredModel):
    """A feature network with a linear hash layer on top.

    Args:
        features: from normalised images (n, 3, h, w) to features (n, width).
        width: number of features.
        bits: code length K.
        image_size: height and width of the inputs, in pixels.
        mean: of each channel in pixel space; it is subtracted.
        std: of each channel in pixel space; it is divided by.
        neck: layers between the features and the hash layer, and their width; None is none.
        hash_init_std: the hash layer's weights are drawn from a normal distribution of this standard deviation, and its
            bias is 0; None is torch's default initialisation.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        features: nn.Module,
        width: int,
        *,
        bits: int,
        image_size: int,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        neck: tuple[nn.Module, int] | None = None,
        hash_init_std: float | None = None,
    ) -> None:
        modality = Modality.image(image_size)
        super().__init__(features, width, modality=modality, bits=bits, neck=neck, hash_init_std=hash_init_std)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def embed(self, inputs: Tensor) -> Tensor:
        """Features (n, width) of pixel-space images (n, 3, h, w) in [0, 1]."""
        found: Tensor = self.features((inputs - self.mean) / self.std)
        return found

    def before(self, inputs: Tensor) -> Tensor:
        """The features of images, by a network that is not yet trained here."""
        return self.embed(inputs)

    @property
    def pretrained(self) -> nn.Module:
        """The feature network."""
        return self.features


def build_network(backbone: Backbone, *, bits: int, image_size: int, weights: str, seed: int) -> HashNetwork:
    """Builds a network to be trained; its initial weights are a pure function of the arguments.

    Args:
        backbone: the feature network.
        bits: code length K.
        image_size: height and width of the dataset's images, in pixels.
        weights: ``none``, ``default`` or the path of a safetensors file, as for :meth:`Backbone.build`; of a
            checkpoint, the features are taken.
        seed: of the initial weights. Torch's global random state is left unchanged.

    Returns:
        A network on the CPU, in training mode.

    Raises:
        UsageError: ``bits`` is not positive, or the backbone cannot take images of this size.
        CheckpointError: the weights cannot be fetched or read, or do not fit.
        ContractError: the backbone does not return the features that it promised.
    """
    require_bits(bits)
    with seeded(Randomness(seed=seed, purpose="network")):
        features, width = build_features(backbone, image_size=image_size, weights=weights)
        return HashNetwork(
            features,
            width,
            bits=bits,
            image_size=image_size,
            mean=backbone.mean,
            std=backbone.std,
            hash_init_std=backbone.hash_init_std,
        ).train()


def require_bits(bits: int) -> None:
    """Refuses a code length that is not positive.

    Raises:
        UsageError: it is not.
    """
    if bits < 1:
        raise UsageError(f"a code of {bits} bits", hint="request at least 1")


def build_features(backbone: Backbone, *, image_size: int, weights: str) -> tuple[nn.Module, int]:
    """A backbone's feature network and its width, from torch's global randomness.

    Raises:
        UsageError: it cannot take images of this size.
        CheckpointError: the weights cannot be fetched or read, or do not fit.
        ContractError: it does not give the features that it promised.
    """
    features, width = _built(backbone, weights)
    try:
        with evaluating(features), torch.inference_mode():
            found = features(torch.zeros(2, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:  # transformers assert their image size
        raise UsageError(
            f"{whose(backbone)} cannot take {image_size}x{image_size} images: {told(error)}",
            hint=f"it is meant for {backbone.image_size}x{backbone.image_size}; enlarge the images or use another",
        ) from error
    if not isinstance(found, torch.Tensor) or found.shape != (2, width) or not found.is_floating_point():
        shape = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, torch.Tensor) else type(found).__name__
        raise breach(backbone, f"gave {shape} features of two images", hint=f"it promised {(2, width)} floats")
    return features, width


def _built(backbone: Backbone, weights: str) -> tuple[nn.Module, int]:
    """A backbone with its own library's weights, or with those that a trained model has in its place."""
    own_weights = weights in NAMED_WEIGHTS or not is_checkpoint(Path(weights))
    with blaming(backbone, "build its network"):  # not `foreign`, which restores the generators: they are drawn on
        built = backbone.build(weights if own_weights else "none")
    features, width = built if isinstance(built, tuple) and len(built) == 2 else (built, None)
    if not isinstance(features, nn.Module) or not isinstance(width, int):
        raise breach(backbone, f"built {type(built).__name__}", hint="return a module and its number of features")
    own(features, whose(backbone))
    plain_state(features)
    if not own_weights:
        tensors, _ = load_checkpoint(Path(weights))
        load_weights(features, trunk(tensors), weights)
    return features, width


def trunk(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The image features' tensors among those of a :class:`HashNetwork`, or of a model with such a tower."""
    return under("features", tensors) or under(f"towers.{IMAGE}.features", tensors)
