"""Logits of a whole split, in fixed batches."""

from collections.abc import Callable

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Images, evaluating

ENCODING_BATCH = 256  #: images to a forward pass


def encode(
    model: HashModel,
    images: Images,
    *,
    device: torch.device,
    indices: Tensor | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tensor:
    """Logits of images, in evaluation mode and without gradient.

    Args:
        model: on ``device``.
        images: what to encode.
        device: where.
        indices: (n,) int64, which of the images; None is all.
        progress: called with (done, total) after each batch.

    Returns:
        (n, bits) float on ``device``.
    """
    wanted = torch.arange(len(images)) if indices is None else indices
    parts = []
    with evaluating(model), torch.no_grad():
        for chunk in torch.split(wanted, ENCODING_BATCH):
            parts.append(model(images.pixels(chunk.tolist()).to(device)))
            progress(min(len(parts) * ENCODING_BATCH, len(wanted)), len(wanted))
    return torch.cat(parts)
