"""How far two images are apart, as people and as norms see it. All in pixel space, [0, 1]."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from robusthash.errors import UsageError

PSNR_CAP = 100.0  #: dB of two equal images
_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03


def psnr(images: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, in dB; 100 for equal images.

    Args:
        images: (n, 3, h, w) float in [0, 1].
        clean: the same shape.

    >>> round(float(psnr(torch.full((1, 3, 2, 2), 8 / 255), torch.zeros(1, 3, 2, 2))), 2)
    30.07
    """
    error = (images - clean).square().flatten(1).mean(1)
    return (-10 * error.clamp_min(10 ** (-PSNR_CAP / 10)).log10()).clamp_max(PSNR_CAP)


def linf(images: Tensor, clean: Tensor) -> Tensor:
    """Largest change of an element, for each image: (n,)."""
    return (images - clean).abs().flatten(1).amax(1)


def l2(images: Tensor, clean: Tensor) -> Tensor:
    """Euclidean distance of each image: (n,)."""
    return torch.linalg.vector_norm((images - clean).flatten(1), dim=1)


def ssim(images: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al., IEEE TIP 2004): 11x11 Gaussian window of deviation 1.5.

    Means, variances and covariance are weighted by the window, taken where the window lies inside the image, and
    averaged over places and channels, with K1 = 0.01, K2 = 0.03 and a data range of 1.

    Args:
        images: (n, 3, h, w) float in [0, 1], at least 11 pixels high and wide.
        clean: the same shape.

    Raises:
        UsageError: the images are smaller than the window.
    """
    if min(images.shape[-2:]) < _WINDOW:
        raise UsageError(f"SSIM needs images of at least {_WINDOW}x{_WINDOW}, not {tuple(images.shape[-2:])}")
    channels = images.shape[1]
    place = torch.arange(_WINDOW, dtype=images.dtype, device=images.device) - _WINDOW // 2
    line = torch.exp(-(place**2) / (2 * _SIGMA**2))
    line = line / line.sum()
    kernel = torch.outer(line, line).expand(channels, 1, _WINDOW, _WINDOW)

    def blur(values: Tensor) -> Tensor:
        return conv2d(values, kernel, groups=channels)

    mean_a, mean_b = blur(images), blur(clean)
    variance_a = blur(images * images) - mean_a**2
    variance_b = blur(clean * clean) - mean_b**2
    covariance = blur(images * clean) - mean_a * mean_b
    c1, c2 = _K1**2, _K2**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return (luminance * structure).flatten(1).mean(1)
