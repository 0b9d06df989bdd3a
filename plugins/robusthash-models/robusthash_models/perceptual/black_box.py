"""A perceptual hash as a hash model: 8-bit images go in, signs come out, and there is no gradient."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import HashModel, Modality
from robusthash.pixels import to_levels


class PerceptualHash(HashModel):
    """A hash of single 8-bit images, by a library that torch knows nothing of.

    Args:
        hash_image: from an RGB image (h, w, 3) uint8 to its bits (bits,), 0 or 1.
        bits: code length K.
        image_size: height and width of the images, in pixels.
    """

    def __init__(self, hash_image: Callable[[np.ndarray], np.ndarray], *, bits: int, image_size: int) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(image_size)
        self._hash_image = hash_image

    def forward(self, inputs: Tensor) -> Tensor:
        """+1 for a bit that is set, -1 for one that is not: (n, bits) in the inputs' type, without gradient.

        Inputs are rounded to 8 bits: the library sees what would be uploaded.
        """
        levels = to_levels(inputs.detach())
        images = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        bits = [torch.from_numpy(np.asarray(self._hash_image(image), dtype=np.float32)) for image in images]
        return 2 * torch.stack(bits).to(inputs) - 1
