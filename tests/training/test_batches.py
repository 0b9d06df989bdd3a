"""Batches of the train split: every item once an epoch, and nothing decides them but seed, epoch and item."""

from dataclasses import replace
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from robusthash.contracts import IMAGE, ArrayImages, Recipe, Split, TrainBatch
from robusthash.errors import UsageError
from robusthash.training.trainer import augmented, batches, epoch_order
from robusthash.training.trainer.batches import batch_count

CPU = torch.device("cpu")
SIDE = 8
PLAIN = Recipe(batch_size=16)
AUGMENTED = replace(PLAIN, augment="flip-crop")

Augment = Literal["none", "crop", "flip-crop"]

seeds = st.integers(0, 2**63 - 1)
epochs = st.integers(0, 1000)
kinds: st.SearchStrategy[Augment] = st.sampled_from(["none", "crop", "flip-crop"])


def split(items: int) -> Split:
    """Random images; an item's label is its position in binary, so that a batch's labels tell its items."""
    images = torch.randint(1, 256, (items, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(7))
    labels = torch.arange(items)[:, None] >> torch.arange(8) & 1
    return Split.of_images(
        name="train",
        images=ArrayImages(images.to(torch.uint8)),
        labels=labels.to(torch.uint8),
        ids=tuple(map(str, range(items))),
    )


def taken(items: int, recipe: Recipe, *, seed: int, epoch: int) -> list[TrainBatch]:
    return list(batches(split(items), recipe, seed=seed, epoch=epoch, device=CPU))


def by_item(found: list[TrainBatch]) -> dict[int, Tensor]:
    return {int(i): image for batch in found for i, image in zip(batch.indices, batch.images, strict=True)}


# --- order ------------------------------------------------------------------------------------------------------------


@given(items=st.integers(2, 70), size=st.integers(2, 24), augment=kinds, seed=seeds, epoch=epochs)
def test_every_item_comes_once_an_epoch(items: int, size: int, augment: Augment, seed: int, epoch: int) -> None:
    found = taken(items, Recipe(batch_size=size, augment=augment), seed=seed, epoch=epoch)
    seen = [int(i) for batch in found for i in batch.indices]
    left_out = items % size == 1  # a batch of one image, which batch normalisation cannot train on
    assert len(set(seen)) == len(seen) == items - left_out
    assert set(seen) <= set(range(items))
    assert len(found) == batch_count(items, size)
    assert all(len(batch.indices) == size for batch in found[:-1])
    assert seen == epoch_order(items, seed=seed, epoch=epoch)[: len(seen)].tolist()
    for batch in found:
        assert batch.images.shape == (len(batch.indices), 3, SIDE, SIDE)
        assert ((batch.labels.long() << torch.arange(8)).sum(1) == batch.indices).all()
        assert 0 <= float(batch.images.min()) <= float(batch.images.max()) <= 1


@given(items=st.integers(2, 60), seed=seeds, epoch=epochs, globally=st.integers(0, 2**31), begun=st.integers(0, 3))
def test_seed_and_epoch_decide_all(items: int, seed: int, epoch: int, globally: int, begun: int) -> None:
    first = taken(items, AUGMENTED, seed=seed, epoch=epoch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(globally)
        before = torch.get_rng_state()
        other = batches(split(items), AUGMENTED, seed=seed, epoch=epoch + 1, device=CPU)
        for _ in zip(range(begun), other, strict=False):  # another epoch may be under way
            pass
        again = taken(items, AUGMENTED, seed=seed, epoch=epoch)
        assert torch.equal(torch.get_rng_state(), before)
    other.close()
    assert len(first) == len(again)
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one.indices, same.indices)
        assert torch.equal(one.images, same.images)
        assert torch.equal(one.labels, same.labels)


@given(seed=seeds, epoch=epochs)
def test_another_seed_or_epoch_is_another_order(seed: int, epoch: int) -> None:
    order = epoch_order(40, seed=seed, epoch=epoch)
    assert not torch.equal(order, epoch_order(40, seed=seed, epoch=epoch + 1))
    assert not torch.equal(order, epoch_order(40, seed=seed + 1, epoch=epoch))


@pytest.mark.parametrize(("items", "sizes"), [(50, [16, 16, 16, 2]), (49, [16, 16, 16]), (48, [16, 16, 16])])
def test_a_last_batch_of_one_image_is_left_out(items: int, sizes: list[int]) -> None:
    assert [len(batch.indices) for batch in taken(items, PLAIN, seed=0, epoch=0)] == sizes


def test_without_augmentation_images_are_those_of_the_split() -> None:
    images = split(50).images
    for batch in taken(50, PLAIN, seed=3, epoch=1):
        assert torch.equal(batch.images, images.inputs(batch.indices.tolist()))


def test_an_unreadable_image_fails_the_epoch() -> None:
    class Broken(ArrayImages):
        def read(self, indices: object) -> Tensor:
            raise UsageError("image 3 is broken")

    broken = replace(split(40), views={IMAGE: Broken(torch.zeros(40, 3, SIDE, SIDE).byte())})
    with pytest.raises(UsageError, match="image 3"):
        list(batches(broken, AUGMENTED, seed=0, epoch=0, device=CPU))


# --- augmentation -----------------------------------------------------------------------------------------------------


@given(
    items=st.integers(2, 40),
    sizes=st.tuples(st.integers(2, 20), st.integers(2, 20)),
    augment=kinds,
    seed=seeds,
    epoch=epochs,
)
def test_an_items_image_is_the_same_in_any_batch(
    items: int, sizes: tuple[int, int], augment: Augment, seed: int, epoch: int
) -> None:
    one, other = (
        by_item(taken(items, Recipe(batch_size=size, augment=augment), seed=seed, epoch=epoch)) for size in sizes
    )
    for item in one.keys() & other.keys():
        assert torch.equal(one[item], other[item])


@given(
    ids=st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True),
    augment=kinds,
    seed=seeds,
    epoch=epochs,
    data=st.data(),
)
def test_augmentation_is_a_function_of_seed_epoch_and_item(
    ids: list[int], augment: Augment, seed: int, epoch: int, data: st.DataObject
) -> None:
    recipe = replace(PLAIN, augment=augment)
    images = torch.randint(
        1, 256, (len(ids), 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(len(ids))
    )
    positions = torch.tensor(ids)
    whole = augmented(images, positions, recipe, seed=seed, epoch=epoch)
    assert whole.dtype == torch.uint8
    assert whole.shape == images.shape
    rows = torch.tensor(data.draw(st.permutations(range(len(ids))))[: data.draw(st.integers(1, len(ids)))])
    some = augmented(images[rows], positions[rows], recipe, seed=seed, epoch=epoch)
    assert torch.equal(some, whole[rows])


def test_another_seed_or_epoch_augments_otherwise() -> None:
    images, ids = split(6).images.read(range(6)), torch.tensor([5, 9, 2, 31, 8, 7])
    whole = augmented(images, ids, AUGMENTED, seed=0, epoch=3)
    assert not torch.equal(augmented(images, ids, AUGMENTED, seed=0, epoch=4), whole)
    assert not torch.equal(augmented(images, ids, AUGMENTED, seed=1, epoch=3), whole)


@pytest.mark.parametrize(("augment", "flips"), [("crop", False), ("flip-crop", True)])
def test_augmentation_is_a_shift_and_a_flip(augment: Augment, flips: bool) -> None:
    count = 64
    images = torch.randint(1, 255, (count, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = set()
    result = augmented(images, torch.arange(count), replace(PLAIN, augment=augment), seed=0, epoch=0)
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    for i in range(count):
        windows = {(dy, dx): padded[i, :, dy : dy + 16, dx : dx + 16] for dy in range(5) for dx in range(5)}
        matches = [(*at, False) for at, window in windows.items() if torch.equal(result[i], window)]
        matches += [(*at, True) for at, window in windows.items() if torch.equal(result[i], window.flip(2))]
        assert len(matches) == 1
        found.add(matches[0])
    assert {dy for dy, _, _ in found} == set(range(5)) == {dx for _, dx, _ in found}
    assert {flip for _, _, flip in found} == ({False, True} if flips else {False})
