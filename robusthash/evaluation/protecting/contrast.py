"""Where a change is seen least: the share of the radius that each pixel is given, by the contrast around it."""

from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from robusthash.epsilon import LEVELS

LEAST = 0.3  #: share where the picture is flat, such as in skies, which would show waves
_BUSY = 8 / LEVELS  #: standard deviation from which on a pixel has the whole radius
_WINDOW = 7  #: pixels of the squares that deviations are of, and of the averages that smooth the shares


def contrast_mask(picture: Tensor) -> Tensor:
    """Shares of the radius: in proportion to the local standard deviation, and smooth.

    Args:
        picture: (1, 3, h, w) float in [0, 1].

    Returns:
        (1, 1, h, w) float in [0.3, 1].
    """
    grey = picture.mean(1, keepdim=True)
    mean = _averaged(grey)
    deviation = (_averaged(grey**2) - mean**2).clamp_min(0).sqrt()
    return _averaged((deviation / _BUSY).clamp(LEAST, 1)).clamp(LEAST, 1)


def _averaged(picture: Tensor) -> Tensor:
    half = _WINDOW // 2
    return avg_pool2d(pad(picture, (half, half, half, half), mode="replicate"), _WINDOW, stride=1)
