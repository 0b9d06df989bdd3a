"""Logits of a whole split, in fixed batches."""

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Images, evaluating

ENCODING_BATCH = 256  #: images to a forward pass


def encode(model: HashModel, images: Images, *, device: torch.device, indices: Tensor | None = None) -> Tensor:
    """Logits of images, in evaluation mode and without gradient.

    Args:
        model: on ``device``.
        images: what to encode.
        device: where.
        indices: (n,) int64, which of the images; None is all.

    Returns:
        (n, bits) float on ``device``.
    """
    wanted = torch.arange(len(images)) if indices is None else indices
    with evaluating(model), torch.no_grad():
        parts = [model(images.pixels(chunk.tolist()).to(device)) for chunk in torch.split(wanted, ENCODING_BATCH)]
    return torch.cat(parts)
