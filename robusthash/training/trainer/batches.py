"""Batches of the train split: order, augmentation, and transfer to the device."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from robusthash.contracts import Randomness, Recipe, Split, TrainBatch, read_pixels
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


def batches(split: Split, recipe: Recipe, *, seed: int, epoch: int, device: torch.device) -> Iterator[TrainBatch]:
    """The batches of one epoch; the next batch is read while one is in use.

    Args:
        split: the train split.
        recipe: batch size and augmentation.
        seed: of the run.
        epoch: counted from 0.
        device: of the batches.

    Raises:
        DatasetError: an image cannot be read.
    """
    order = epoch_order(len(split), seed=seed, epoch=epoch)
    count = batch_count(len(split), recipe.batch_size)
    chunks = torch.split(order[: count * recipe.batch_size], recipe.batch_size)

    def read(chunk: Tensor) -> tuple[Tensor, Tensor]:
        return chunk, augmented(read_pixels(split.images, chunk.tolist()), chunk, recipe, seed=seed, epoch=epoch)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as reader:
        waiting = reader.submit(read, chunks[0]) if chunks else None
        for following in [*chunks[1:], None]:
            if waiting is None:
                return
            chunk, images = waiting.result()
            waiting = reader.submit(read, following) if following is not None else None
            yield TrainBatch(
                images=from_levels(images.to(device)),
                labels=split.labels[chunk].to(device).float(),
                indices=chunk.to(device),
            )


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
