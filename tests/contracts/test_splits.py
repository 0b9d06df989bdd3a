"""Splits whose items are images, texts or both: views aligned by id, a digest over all of them, parts of them."""

import hashlib

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import (
    IMAGE,
    TEXT,
    ArrayImages,
    ArrayTexts,
    Images,
    Inputs,
    Modality,
    RetrievalData,
    Split,
)
from robusthash.errors import CapabilityError, DatasetError

ITEMS = 6
WIDE = Modality.text(4, low=-1, high=3, levels=4)
IDS = tuple(f"item-{i}" for i in range(ITEMS))
LABELS = torch.eye(3, dtype=torch.uint8).repeat(2, 1)


def pictures(seed: int = 0) -> Tensor:
    return torch.randint(256, (ITEMS, 3, 5, 7), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def words(seed: int = 0) -> Tensor:
    return torch.randint(-1, 4, (ITEMS, 4), generator=torch.Generator().manual_seed(seed)).float()


def views(*, image: int = 0, text: int = 0) -> dict[str, Inputs]:
    return {IMAGE: ArrayImages(pictures(image)), TEXT: ArrayTexts(words(text), WIDE)}


def split(inputs: dict[str, Inputs] | None = None, ids: tuple[str, ...] = IDS, labels: Tensor = LABELS) -> Split:
    return Split(name="query", views=inputs or views(), labels=labels, ids=ids)


def test_each_view_is_of_its_own_modality_and_of_the_same_items() -> None:
    found = split()
    assert len(found) == ITEMS
    assert torch.equal(found.view(IMAGE).inputs([4, 1]), pictures()[[4, 1]] / torch.tensor(255.0))
    assert torch.equal(found.view(TEXT).inputs([4, 1]), words()[[4, 1]])
    assert found.view(TEXT).inputs([]).shape == (0, 4)
    assert found.view(TEXT).modality == WIDE
    assert found.images is found.view(IMAGE)


def test_some_of_the_items_are_the_same_ones_in_every_view() -> None:
    whole = split()
    some = whole.take([5, 0, 3]).take([2, 0])
    assert some.ids == ("item-3", "item-5")
    assert torch.equal(some.labels, LABELS[[3, 5]])
    for name in (IMAGE, TEXT):
        assert len(some.view(name)) == 2
        assert some.view(name).modality == whole.view(name).modality
        assert torch.equal(some.view(name).inputs([1, 0]), whole.view(name).inputs([5, 3]))
    assert isinstance(some.images, Images)
    assert torch.equal(some.images.read([0]), pictures()[[3]])
    assert some.images.size == (5, 7)
    assert some.digest != whole.digest
    assert some.digest == whole.take([3, 5]).digest


def test_a_view_that_is_not_there_is_told_with_those_that_are() -> None:
    texts = split({TEXT: ArrayTexts(words(), WIDE)})
    with pytest.raises(CapabilityError, match=r"query split has no inputs of modality 'image', only text") as refused:
        texts.view(IMAGE)
    assert "--direction" in str(refused.value.hint)
    with pytest.raises(CapabilityError, match="no inputs of modality 'image'"):
        _ = texts.images
    images = Split.of_images(name="query", images=ArrayImages(pictures()), labels=LABELS, ids=IDS)
    with pytest.raises(CapabilityError, match="'text', only image"):
        images.view(TEXT)


class ImagesByAnotherName(Inputs):
    """Inputs that say they are images and have no 8-bit levels to read."""

    @property
    def modality(self) -> Modality:
        return Modality.image(4)

    def __len__(self) -> int:
        return ITEMS

    def inputs(self, indices: object) -> Tensor:
        raise AssertionError("what is refused for its kind is not read")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"views": {}}, "query split has no inputs"),
        ({"views": {TEXT: ArrayImages(pictures())}}, "'text' of split 'query' has modality 'image'"),
        ({"views": {IMAGE: ArrayImages(pictures()[:4])}}, "4 images, 6 label rows, 6 ids"),
        ({"views": {**views(), TEXT: ArrayTexts(words()[:5], WIDE)}}, "5 texts, 6 label rows, 6 ids"),
        ({"ids": IDS[:2]}, "6 label rows, 2 ids"),
        ({"labels": LABELS.float()}, r"not \(n, classes\) uint8"),
        ({"labels": LABELS[:, 0]}, r"not \(n, classes\) uint8"),
    ],
)
def test_what_is_not_aligned_is_refused(options: dict[str, object], says: str) -> None:
    given: dict[str, object] = {"name": "query", "views": views(), "labels": LABELS, "ids": IDS}
    with pytest.raises(DatasetError, match=says):
        Split(**{**given, **options})  # type: ignore[arg-type]  # the names are its fields


def test_images_are_more_than_a_name() -> None:
    odd = split({IMAGE: ImagesByAnotherName()})
    with pytest.raises(DatasetError, match="ImagesByAnotherName"):
        _ = odd.images


@pytest.mark.parametrize(
    ("array", "modality", "says"),
    [
        (words().double(), WIDE, "float64"),
        (words()[0], WIDE, r"\(4,\) torch.float32"),
        (words() + 0.5, WIDE, "do not fit"),
        (words() * 2, WIDE, "do not fit"),
        (words()[:, :3], WIDE, "3 dimensions"),
        (words(), None, "do not fit"),
    ],
)
def test_texts_outside_their_box_or_off_its_levels_are_refused(
    array: Tensor, modality: Modality | None, says: str
) -> None:
    with pytest.raises(DatasetError, match=says):
        ArrayTexts(array, modality)


def test_texts_are_continuous_unless_told_otherwise() -> None:
    assert ArrayTexts(torch.rand(3, 8)).modality == Modality.text(8)


# --- digests ----------------------------------------------------------------------------------------------------------


def old_digest(ids: tuple[str, ...], labels: Tensor, images: Tensor) -> str:
    """The digest of a split before it had views: that of images alone is still this one."""
    sha = hashlib.sha256("\n".join(ids).encode())
    sha.update(np.packbits(labels.numpy(), axis=1).tobytes())
    sha.update(hashlib.sha256(np.ascontiguousarray(images.numpy()).data).digest())
    return sha.hexdigest()


def test_a_split_of_images_alone_has_the_digest_that_it_always_had() -> None:
    images = torch.arange(2 * 3 * 2 * 2, dtype=torch.uint8).view(2, 3, 2, 2)
    labels = torch.tensor([[1, 0], [1, 1]], dtype=torch.uint8)
    found = Split.of_images(name="train", images=ArrayImages(images), labels=labels, ids=("a", "b"))
    assert found.digest == old_digest(("a", "b"), labels, images)
    # Pinned: records and cached codes are named by it.
    assert found.digest == "a385e359acec9bdb9b0af5405371b2900a5fc871f4da7165f3e95c6e1e6dc5a3"


def test_data_of_images_alone_has_the_digest_that_it_always_had() -> None:
    parts = [
        Split.of_images(name=name, images=ArrayImages(pictures(i)), labels=LABELS, ids=IDS)
        for i, name in enumerate(("query", "database", "train"))
    ]
    data = RetrievalData(name="toy", classes=("a", "b", "c"), query=parts[0], database=parts[1], train=parts[2])
    lines = [old_digest(IDS, LABELS, pictures(i)) for i in range(3)]
    assert data.digest == hashlib.sha256("\n".join([*lines, "(5, 7)"]).encode()).hexdigest()
    assert data.modalities == {IMAGE: Modality.image(5, 7)}


def test_the_digest_is_over_every_view() -> None:
    both = split().digest
    digests = {
        both,
        split(views(image=1)).digest,
        split(views(text=1)).digest,
        split({IMAGE: ArrayImages(pictures())}).digest,
        split({TEXT: ArrayTexts(words(), WIDE)}).digest,
        split(ids=IDS[::-1]).digest,
        split(labels=LABELS.flip(0)).digest,
    }
    assert len(digests) == 7
    assert split(dict(reversed(views().items()))).digest == both, "the order of the views is no part of it"


def test_another_box_is_other_data() -> None:
    """Texts of equal values mean something else in another box: threats are shares of it."""

    def data(modality: Modality) -> RetrievalData:
        texts = split({TEXT: ArrayTexts(words().clamp_min(0) / 3, modality)})
        return RetrievalData(name="toy", classes=("a", "b", "c"), query=texts, database=texts, train=texts)

    one, two = data(Modality.text(4)), data(Modality.text(4, low=0, high=2))
    assert one.query.digest == two.query.digest
    assert one.digest != two.digest
    assert data(Modality.text(4, low=0, high=2)).digest == data(Modality.text(4, low=0.0, high=2.0)).digest
