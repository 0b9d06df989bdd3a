"""The discriminator of UAA-GAN: which patches are attacked. Its layers are PatchGAN's (Isola et al. 2017)."""

from torch import Tensor, nn

from robusthash.errors import CapabilityError

_SMALLEST = 4  #: sides of the map after the halvings, at least
_MOST = 3  #: halvings, as in the published network, whose patches are 70 x 70
_SLOPE = 0.2  #: of the leaky ReLU


class PatchDiscriminator(nn.Module):
    """Convolutions of stride 2, and two of stride 1 on the map that is left.

    Small images are halved as often as leaves a side of at least 4.

    Args:
        size: height and width of the images.
        filters: channels of the first layer; each next one has twice as many. Published 64.

    Raises:
        CapabilityError: the images are smaller than 8 x 8.
    """

    def __init__(self, size: tuple[int, int], *, filters: int) -> None:
        super().__init__()
        side = min(size)
        if side < 2 * _SMALLEST:
            raise CapabilityError(
                f"images of {size[0]}x{size[1]} are too small for a discriminator", hint="8x8 at least"
            )
        halvings = min((side // _SMALLEST).bit_length() - 1, _MOST)
        layers: list[nn.Module] = [nn.Conv2d(3, filters, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        channels = filters
        for number in range(halvings):
            stride = 1 if number == halvings - 1 else 2
            layers += [
                nn.Conv2d(channels, 2 * channels, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(2 * channels),
                nn.LeakyReLU(_SLOPE),
            ]
            channels *= 2
        layers.append(nn.Conv2d(channels, 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """For each patch 1 if it is clean, 0 if it is attacked: (n, rows, columns) of (n, 3, h, w) in [-1, 1]."""
        found: Tensor = self.layers(images).squeeze(1)
        return found
