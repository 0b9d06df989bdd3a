"""Batches of the train split: order, augmentation, and transfer to the device."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from robusthash.contracts import Images, Inputs, Randomness, Recipe, Split, TrainBatch, read_inputs, read_pixels
from robusthash.pixels import from_levels


def epoch_order(items: int, *, seed: int, epoch: int) -> Tensor:
    """A permutation of the items, a pure function of seed and epoch: (items,) int64.

    >>> sorted(epoch_order(4, seed=0, epoch=0).tolist())
    [0, 1, 2, 3]
    """
    keys = Randomness(seed=seed, purpose="train-order").uniform(torch.tensor([epoch]), (items,))[0]
    return torch.argsort(keys, stable=True)


def batch_count(items: int, batch_size: int) -> int:
    """Batches per epoch; a last batch of one image is left out, since batch normalisation cannot train on it.

    >>> batch_count(129, 64), batch_count(130, 64), batch_count(128, 64)
    (2, 3, 2)
    """
    return items // batch_size + (items % batch_size > 1)


def batches(
    split: Split,
    recipe: Recipe,
    *,
    seed: int,
    epoch: int,
    device: torch.device,
    modalities: Iterable[str] | None = None,
) -> Iterator[TrainBatch]:
    """The batches of one epoch; the next batch is read while one is in use.

    Args:
        split: the train split.
        recipe: batch size, and augmentation of images.
        seed: of the run.
        epoch: counted from 0.
        device: of the batches.
        modalities: the views that are read; None is all.

    Raises:
        DatasetError: an item cannot be read.
    """
    views = {name: split.view(name) for name in (split.views if modalities is None else modalities)}
    order = epoch_order(len(split), seed=seed, epoch=epoch)
    count = batch_count(len(split), recipe.batch_size)
    chunks = torch.split(order[: count * recipe.batch_size], recipe.batch_size)

    def read(chunk: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return chunk, {name: _read(view, chunk, recipe, seed=seed, epoch=epoch) for name, view in views.items()}

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as reader:
        waiting = reader.submit(read, chunks[0]) if chunks else None
        for following in [*chunks[1:], None]:
            if waiting is None:
                return
            chunk, read_views = waiting.result()
            waiting = reader.submit(read, following) if following is not None else None
            yield TrainBatch(
                views={name: _on_device(part, device) for name, part in read_views.items()},
                labels=split.labels[chunk].to(device).float(),
                indices=chunk.to(device),
            )


def _read(view: Inputs, chunk: Tensor, recipe: Recipe, *, seed: int, epoch: int) -> Tensor:
    """Images in 8 bits, which are quarter the size on their way to a GPU, and augmented; other inputs as they are."""
    if isinstance(view, Images):
        return augmented(read_pixels(view, chunk.tolist()), chunk, recipe, seed=seed, epoch=epoch)
    return read_inputs(view, chunk.tolist())


def _on_device(part: Tensor, device: torch.device) -> Tensor:
    moved = part.to(device)
    return from_levels(moved) if moved.dtype == torch.uint8 else moved


def augmented(images: Tensor, indices: Tensor, recipe: Recipe, *, seed: int, epoch: int) -> Tensor:
    """Randomly crops and flips each image, as a pure function of (seed, epoch, item).

    Args:
        images: (n, 3, h, w).
        indices: (n,) int64, the items' positions in the train split.
        recipe: which augmentation.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        The same shape and dtype. A crop shifts an image by up to 1/8 of its side; the border is black.
    """
    if recipe.augment == "none":
        return images
    count, _, height, width = images.shape
    draws = Randomness(seed=seed, purpose="train-augment").uniform(indices, (3,), restart=epoch)
    room = torch.tensor([height // 8, width // 8])
    offsets = (draws[:, :2] * (2 * room + 1)).long()
    rows = offsets[:, 0:1] + torch.arange(height)
    columns = offsets[:, 1:2] + torch.arange(width)
    if recipe.augment == "flip-crop":
        columns = torch.where(draws[:, 2:3] < 0.5, columns.flip(1), columns)
    padded = torch.nn.functional.pad(images, (width // 8, width // 8, height // 8, height // 8))
    # Advanced indices around a slice put the channels last: (n, h, w, 3).
    return padded[torch.arange(count).view(-1, 1, 1), :, rows.unsqueeze(2), columns.unsqueeze(1)].movedim(3, 1)
