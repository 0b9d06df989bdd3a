"""The discriminator of ProS-GAN: which labels an image has, and whether it is attacked (Wang et al., CVPR 2021)."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from robusthash.errors import CapabilityError

_SMALLEST = 4  #: sides of the last map, at least
_SLOPE = 0.01  #: of the leaky ReLU


class Discriminator(nn.Module):
    """Convolutions of stride 2 with spectral normalisation, and one over the whole map that is left.

    At 224 x 224 with 64 filters it is the published network, of 11,698,112 parameters for 10 labels. Another size
    changes the number of halvings: as many as leave a map with sides of at least 4.

    Each pass in training mode takes one power iteration for the spectral norms, as released; in evaluation mode none.

    Args:
        size: height and width of the images.
        classes: number of labels C.
        filters: channels of the first layer; each next one has twice as many.

    Raises:
        CapabilityError: the images are smaller than 8 x 8.
    """

    def __init__(self, size: tuple[int, int], classes: int, *, filters: int) -> None:
        super().__init__()
        height, width = size
        if min(size) < 2 * _SMALLEST:
            raise CapabilityError(f"images of {height}x{width} are too small for a discriminator", hint="8x8 at least")
        layers: list[nn.Module] = []
        before, after = 3, filters
        while min(height, width) >= 2 * _SMALLEST:
            layers += [spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)), nn.LeakyReLU(_SLOPE)]
            height, width, before, after = height // 2, width // 2, after, 2 * after
        layers.append(nn.Conv2d(before, classes + 1, (height, width), bias=False))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Labels, and a flag that is 0 for clean and 1 for attacked images: (n, classes + 1) of (n, 3, h, w)."""
        found: Tensor = self.layers(images).flatten(1)
        return found
