"""The digits that ship inside scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from robusthash.contracts import Dataset, DatasetContext
from robusthash.errors import DatasetError
from robusthash.testing import DatasetContract
from robusthash_datasets import digits
from robusthash_datasets.digit_words import VOCABULARY, digit_words, stroke_words
from robusthash_datasets.digits import Digits


class TestDigits(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Digits()


class TestPairs(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Digits(texts=True)


@pytest.fixture
def context(tmp_path: Path) -> DatasetContext:
    return DatasetContext(root=None, cache=tmp_path)


def test_splits_are_balanced_and_complete(context: DatasetContext) -> None:
    data = Digits().load(context)
    assert (len(data.query), len(data.database), len(data.train)) == (300, 1497, 1000)
    assert data.query.labels.sum(0).tolist() == [30] * 10
    assert data.train.labels.sum(0).tolist() == [100] * 10
    assert set(data.train.ids) < set(data.database.ids)
    assert sorted(map(int, data.query.ids + data.database.ids)) == list(range(1797))
    assert (data.query.images.size, data.epsilon, data.backbone) == ((16, 16), 0.3, "small-cnn")


def test_pixels_and_labels_are_those_of_scikit_learn(context: DatasetContext) -> None:
    bunch = load_digits()
    query = Digits().load(context).query
    images = query.images.read(range(len(query)))
    for position, name in enumerate(query.ids):
        expected = np.round(bunch.images[int(name)] * 255 / 16)
        for channel in range(3):
            for row in range(2):
                assert (images[position, channel, row::2, 1::2].numpy() == expected).all()
        assert query.labels[position].nonzero().tolist() == [[bunch.target[int(name)]]]
    assert int(images.max()) == 255
    assert images.dtype == torch.uint8


def test_other_digits_are_refused(context: DatasetContext, monkeypatch: pytest.MonkeyPatch) -> None:
    images, targets = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    images[17, 3, 3] += 1
    monkeypatch.setattr(digits, "_original", lambda: (images, targets))
    with pytest.raises(DatasetError, match="digest"):
        Digits().load(context)


def test_a_scikit_learn_that_keeps_them_elsewhere_is_asked(
    context: DatasetContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Digits().load(context).digest
    monkeypatch.setattr(digits, "_FILE", "datasets/data/moved.csv.gz")
    assert Digits().load(context).digest == read


# --- texts ------------------------------------------------------------------------------------------------------------


def test_texts_are_beside_the_same_images(context: DatasetContext) -> None:
    plain, pairs = Digits().load(context), Digits(texts=True).load(context)
    assert pairs.name == "pairs-digits"
    assert pairs.query.ids == plain.query.ids
    assert torch.equal(pairs.query.images.read(range(9)), plain.query.images.read(range(9)))
    view = pairs.train.view("text")
    assert view.modality.shape == (96,)
    assert view.vocabulary == VOCABULARY
    assert len(set(VOCABULARY)) == 96
    assert pairs.digest != plain.digest
    assert Digits(texts=True).load(context).digest == pairs.digest  # drawn the same again


def test_words_are_kept_lost_and_added_as_often_as_documented() -> None:
    """A label's word is there in .7 x .85 of its texts, and in any by chance; a filler by chance alone."""
    images, labels = digits._original()
    texts = digit_words(images, labels).numpy()
    for number, name in enumerate(VOCABULARY[:10]):
        assert name in {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
        own, others = texts[labels == number, number].mean(), texts[labels != number, number].mean()
        assert own == pytest.approx(0.7 * 0.85, abs=0.12)
        assert others == pytest.approx(2 / 96, abs=0.02)
    fillers = texts[:, -17:]
    assert fillers.mean() == pytest.approx(2 / 96, abs=0.003)
    drawn, plain = texts[:, 19:79], stroke_words(images)
    assert drawn[plain].mean() == pytest.approx(0.85 + 0.15 * 2 / 96, abs=0.01)
    assert drawn[~plain].mean() == pytest.approx(2 / 96, abs=0.003)


def words_of(rows: list[str]) -> set[str]:
    image = np.array([[16.0 if mark == "#" else 0.0 for mark in row] for row in rows])
    return {word for word, there in zip(VOCABULARY[19:79], stroke_words(image[None])[0], strict=True) if there}


def test_words_of_strokes_are_those_of_the_ink() -> None:
    ring = words_of(["........", ".######.", ".#....#.", ".#....#.", ".#....#.", ".#....#.", ".######.", "........"])
    assert {"holed", "mirrored-across", "mirrored-down", "turned-alike"} <= ring
    assert not {"hole-free", "twice-holed", "lopsided"} & ring
    eight = words_of([".#####..", ".#...#..", ".#...#..", ".#####..", ".#...#..", ".#...#..", ".#####..", "........"])
    assert {"twice-holed", "hole-above", "hole-below"} <= eight
    bar = words_of(["...##..."] * 8)
    assert {"hole-free", "upright-upper-left", "upright-lower-right", "blank-a1"} <= bar
    flat = words_of(["........"] * 3 + ["########"] * 2 + ["........"] * 3)
    assert {"flat-upper-left", "flat-lower-right"} <= flat
    rising = words_of(["......##", ".....##.", "....##..", "...##...", "..##....", ".##.....", "##......", "#......."])
    assert "rising-upper-right" in rising
    falling = words_of(
        [row[::-1] for row in ("......##", ".....##.", "....##..", "...##...", "..##....", ".##.....")]
        + [".....##.", "......##"]
    )
    assert "falling-upper-left" in falling
