"""Corel-5K, on a tiny tree and on the real files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.contracts import Dataset, DatasetContext
from robusthash.errors import DatasetError, OptionError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing import DatasetContract
from robusthash_datasets.corel import Corel5k
from robusthash_datasets.images.decoded import DecodedImages


def write(tree: Any, **changed: np.ndarray) -> DatasetContext:
    names = [f"{disc}_{i}.jpg" for disc in (7, 9) for i in range(4)]
    tree.pictures([f"corel5k/images/{name}" for name in names])
    content = {
        "name": np.array(names),
        "Y": np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]] * 2, dtype=np.uint8),
        "words": np.array(["sky", "sea", "sun"]),
        "split": np.array(["test", "train", "train", "train"] * 2),
        "cd": np.array([7] * 4 + [9] * 4),
    }
    np.savez(tree.root / "corel5k" / "annot.npz", **content | changed)
    return DatasetContext(root=tree.root, cache=tree.root / "cache")


class Small(DatasetContract):
    def test_verification_finds_no_error(self, dataset: Dataset, context: DatasetContext) -> None:
        errors = [finding.what for finding in verify(dataset, context)[0] if finding.level == "error"]
        assert all("published: " in error for error in errors), "the counts are those of a tiny tree"
        assert len(errors) == 4


class TestWords(Small):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Corel5k(size=16, resize=20)

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        return write(tree)


class TestThemes(Small):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Corel5k(labels="themes", size=16)

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        return write(tree)


def test_an_image_has_its_words_or_its_theme(tree: Any) -> None:
    given = write(tree)
    words, themes = Corel5k().load(given), Corel5k(labels="themes").load(given)
    assert words.classes == ("sky", "sea", "sun")
    assert words.query.ids == ("7_0.jpg", "9_0.jpg") == themes.query.ids
    assert words.query.labels.tolist() == [[1, 0, 1], [1, 0, 1]]
    assert themes.classes == ("theme 7", "theme 9")
    assert themes.query.labels.tolist() == [[1, 0], [0, 1]]
    assert (words.name, themes.name) == ("corel5k", "corel5k/themes")
    assert words.digest != themes.digest
    assert words.train.ids == words.database.ids


def test_photographs_can_be_decoded_once(tree: Any) -> None:
    given = write(tree)
    decoded = Corel5k(size=16, decoded="all").load(given)
    assert isinstance(decoded.database.images, DecodedImages)
    assert decoded.database.images.read([1]).equal(Corel5k(size=16).load(given).database.images.read([1]))


def test_a_bad_tree_is_named(tree: Any, tmp_path: Path) -> None:
    for root in (None, tmp_path):
        with pytest.raises(DatasetError) as caught:
            Corel5k().load(DatasetContext(root=root, cache=tmp_path))
        assert "corel5k/annot.npz" in str(caught.value.hint)
    with pytest.raises(DatasetError, match="by hand"):
        Corel5k().prepare(DatasetContext(root=tmp_path, cache=tmp_path), None)
    with pytest.raises(DatasetError, match=r"labels \(3, 3\)"):
        Corel5k().load(write(tree, Y=np.zeros((3, 3), dtype=np.uint8)))
    with pytest.raises(DatasetError, match="0 of 8 images are test images"):
        Corel5k().load(write(tree, split=np.array(["train"] * 8)))
    given = write(tree)
    (tree.root / "corel5k" / "annot.npz").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"cannot read .*annot\.npz"):
        Corel5k().load(given)
    with pytest.raises(OptionError):
        Corel5k(size=0)


def test_the_real_files_are_as_known(real_data: Path, tmp_path: Path) -> None:
    if not (real_data / "corel5k" / "annot.npz").is_file():
        pytest.skip(f"no Corel-5K in {real_data}")
    given = DatasetContext(root=real_data, cache=tmp_path)
    words = Corel5k().load(given)
    assert (len(words.query), len(words.database), len(words.train), len(words.classes)) == (499, 4500, 4500, 260)
    assert int((words.train.labels.sum(1) == 0).sum()) == 7
    assert int(words.train.labels.sum(1).max()) == 5
    assert words.query.images.read([0, 498]).shape == (2, 3, 128, 128)
    themes = Corel5k(labels="themes").load(given)
    assert len(themes.classes) == 50
    assert set(themes.query.labels.sum(1).tolist()) == {1}
    inside = Corel5k().load(DatasetContext(root=real_data / "corel5k", cache=tmp_path))
    assert inside.query.ids == words.query.ids


class TestPairs(Small):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Corel5k(size=16, resize=20, labels="themes", texts=True)

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        return write(tree)


def test_words_are_texts_and_themes_are_labels(tree: Any) -> None:
    data = Corel5k(size=16, labels="themes", texts=True).load(write(tree))
    view = data.query.view("text")
    assert data.name == "corel5k/pairs"
    assert view.vocabulary == ("sky", "sea", "sun")
    assert view.inputs([0, 1]).tolist() == [[1.0, 0.0, 1.0]] * 2
    assert data.query.labels.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(OptionError, match="labels too"):
        Corel5k(texts=True)
