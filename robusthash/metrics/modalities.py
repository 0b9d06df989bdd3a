"""How adversarial and clean inputs of each modality are compared, and what of them is uploaded."""

import io
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import IMAGE, Modality, Threat
from robusthash.devices import as_double
from robusthash.errors import CapabilityError
from robusthash.metrics.imagery import l2, linf, psnr, ssim
from robusthash.pixels import from_levels, to_levels

Distances = Mapping[str, Callable[[Tensor, Tensor], Tensor]]

_IMAGERY: Distances = {"psnr": psnr, "ssim": ssim, "linf": linf, "l2": l2}


def distances(modality: Modality, threat: Threat) -> Distances:
    """Distances between adversarial and clean inputs, by name; PSNR and SSIM for images only.

    The distance in the threat's norm is among them, by the norm's name, as its radius counts it.

    Args:
        modality: of the inputs.
        threat: that bounds them.
    """
    usual = _IMAGERY
    if modality.name != IMAGE:
        usual = {"linf": lambda inputs, reference: linf(inputs, reference) / modality.box.width, "l2": l2}
    norm = str(threat.norm)
    if norm in usual:
        return usual
    return {**usual, norm: lambda inputs, clean: threat.distance(as_double(inputs), as_double(clean))}


def uploaded(inputs: Tensor, modality: Modality) -> np.ndarray:
    """Inputs as they are uploaded: images in 8 bits, others unchanged."""
    return (to_levels(inputs) if modality.name == IMAGE else inputs).cpu().numpy()


def compressed(images: Tensor, modality: Modality, quality: int) -> Tensor:
    """Images after JPEG compression.

    Args:
        images: (n, 3, h, w) float in [0, 1].
        modality: of the inputs.
        quality: of the JPEG, 1 to 100.

    Returns:
        The same shape and device, float32 in [0, 1].

    Raises:
        CapabilityError: the inputs are not images.
    """
    if modality.name != IMAGE:
        raise CapabilityError(f"a {modality.name} has no JPEG", hint="omit --jpeg")
    decoded = []
    for image in uploaded(images, modality):
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(buffer, format="JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)).transpose(2, 0, 1))
    return from_levels(torch.from_numpy(np.stack(decoded))).to(images.device)
