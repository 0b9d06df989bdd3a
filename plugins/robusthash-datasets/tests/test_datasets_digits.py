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
from robusthash_datasets.digits import Digits


class TestDigits(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Digits()


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
