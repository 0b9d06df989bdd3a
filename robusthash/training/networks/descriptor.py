"""A network that gives continuous descriptors: normalisation, features, and what a method makes of these."""

import torch
from torch import Tensor, nn

from robusthash.boundary import breach, foreign
from robusthash.contracts import Backbone, Descriptor, HashModel, Modality, Randomness, Space, evaluating, seeded
from robusthash.training.networks.network import build_features


class DescriptorNetwork(HashModel):
    """A feature network whose features are searched, after a map without parameters.

    Args:
        features: from normalised images (n, 3, h, w) to features (n, width).
        method: from features to descriptors.
        backbone: says mean and deviation of the images.
        image_size: height and width of the inputs, in pixels.

    Raises:
        ContractError: the method gives no vectors.
    """

    bits = None
    mean: Tensor
    std: Tensor

    def __init__(self, features: nn.Module, method: Descriptor, backbone: Backbone, *, image_size: int) -> None:
        super().__init__()
        self.modality = Modality.image(image_size)
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1))
        self.features = features
        self.method = method
        with evaluating(self), torch.no_grad(), foreign(method, "describe two images"):
            found = self(torch.zeros(2, *self.modality.shape))
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != 2 or not found.is_floating_point():
            told = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
            raise breach(method, f"gave {told} of two images", hint="return (n, d) floats")
        self._space = Space(distance=method.distance, size=found.shape[1])

    @property
    def space(self) -> Space:  # noqa: D102 - as in the base class
        return self._space

    def forward(self, inputs: Tensor) -> Tensor:
        """Descriptors: pixel-space images (n, 3, h, w) in [0, 1] to (n, d)."""
        return self.method.describe(self.features((inputs - self.mean) / self.std))


def build_descriptor(
    backbone: Backbone, method: Descriptor, *, image_size: int, weights: str, seed: int
) -> DescriptorNetwork:
    """Builds a network of descriptors, a pure function of the arguments.

    Args:
        backbone: the feature network.
        method: from features to descriptors.
        image_size: height and width of the dataset's images, in pixels.
        weights: ``none``, ``default`` or the path of a safetensors file, as for :meth:`Backbone.build`; of a
            checkpoint, the features are taken.
        seed: of a random start. Torch's global randomness is left as it was.

    Returns:
        A network on the CPU, in evaluation mode.

    Raises:
        UsageError: the backbone cannot take images of this size.
        CheckpointError: the weights cannot be fetched or read, or do not fit.
        ContractError: backbone or method do not give what they promised.
    """
    with seeded(Randomness(seed=seed, purpose="network")):
        features, _ = build_features(backbone, image_size=image_size, weights=weights)
    network = DescriptorNetwork(features, method, backbone, image_size=image_size).eval()
    return network.to(memory_format=torch.channels_last) if backbone.channels_last else network
