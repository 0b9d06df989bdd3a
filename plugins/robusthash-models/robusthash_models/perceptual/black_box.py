"""A perceptual hash as a hash model: from 8-bit images to signs, without gradients."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import HashModel, Modality
from robusthash.pixels import to_levels


class PerceptualHash(HashModel):
    """A hash of single 8-bit images by a library outside torch.

    Args:
        hash_image: maps an RGB image (h, w, 3) uint8 to its bits (bits,), 0 or 1.
        bits: code length K.
        image_size: height and width of the images, in pixels.
    """

    def __init__(self, hash_image: Callable[[np.ndarray], np.ndarray], *, bits: int, image_size: int) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(image_size)
        self._hash_image = hash_image

    def forward(self, inputs: Tensor) -> Tensor:
        """+1 for a set bit, -1 for any other: (n, bits) of the inputs' type, without gradients.

        Inputs are rounded to 8 bits: the library sees what would be uploaded.
        """
        levels = to_levels(inputs.detach())
        images = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        bits = [torch.from_numpy(np.asarray(self._hash_image(image), dtype=np.float32)) for image in images]
        return 2 * torch.stack(bits).to(inputs) - 1
