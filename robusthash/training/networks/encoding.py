"""Logits of a whole split, in fixed batches."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Inputs, checked_outputs, evaluating, read_inputs
from robusthash.memory import Batches

ENCODING_BATCH = 256  #: images to a forward pass


def encode(
    model: HashModel,
    images: Inputs,
    *,
    device: torch.device,
    indices: Tensor | None = None,
    keep: Callable[[Tensor], Tensor] = lambda logits: logits,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tensor:
    """Logits of images, in evaluation mode and without gradients.

    Args:
        model: on ``device``.
        images: the images.
        device: where to compute.
        indices: (n,) int64, which images; None is all.
        keep: what is kept of the logits of a batch: codes take a hundredth of their memory.
        progress: called with (done, total) after each batch.

    Returns:
        (n, bits) float on ``device``; or whatever is kept, batch after batch.

    Raises:
        MemoryLimitError: a single image does not fit into memory.
    """
    wanted = torch.arange(len(images)) if indices is None else indices
    batches = Batches()
    parts: list[Tensor] = []
    done = 0
    with evaluating(model), torch.no_grad():
        for pixels in _read_ahead(images, torch.split(wanted, ENCODING_BATCH), device):
            parts += [keep(logits) for logits in batches.run(range(len(pixels)), partial(_logits, model, pixels))]
            done += len(pixels)
            progress(done, len(wanted))
    return torch.cat(parts)


def _logits(model: HashModel, pixels: Tensor, rows: Sequence[int]) -> Tensor:
    inputs = pixels[rows[0] : rows[-1] + 1]
    return checked_outputs(model, inputs, model(inputs))


def _read_ahead(images: Inputs, chunks: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Batches on the device; each is read, and on its way to a GPU, while the one before it is computed with."""

    def read(chunk: Tensor) -> Tensor:
        pixels = read_inputs(images, chunk.tolist())
        return pixels.pin_memory() if device.type == "cuda" else pixels

    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = reader.submit(read, chunks[0])
        for following in chunks[1:]:
            pixels, ahead = ahead.result(), reader.submit(read, following)
            yield pixels.to(device, non_blocking=True)
        yield ahead.result().to(device, non_blocking=True)
