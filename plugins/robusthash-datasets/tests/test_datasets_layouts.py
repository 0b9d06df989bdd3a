"""Folders as users have them: what is read, what is said of it, and what is refused with a drawing."""

import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import Dataset, DatasetContext, RetrievalData
from robusthash.errors import DatasetError, RobustHashNote
from robusthash.testing import DatasetContract
from robusthash_datasets.folder import Folder

SMALL: dict[str, Any] = {"size": 16, "resize": 20}


def at(root: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=root.parent / "cache")


def loaded(root: Path, **options: Any) -> tuple[RetrievalData, str]:
    """The data, and all that was told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        data = Folder(**SMALL, **options).load(at(root))
    assert all(issubclass(one.category, RobustHashNote) for one in told)
    return data, " ".join(str(one.message) for one in told)


def tops(ids: Sequence[str]) -> set[str]:
    return {name.split("/")[0] for name in ids}


class TestImageFolder(DatasetContract):
    """The first try of everybody: train, val and test."""

    @pytest.fixture
    def dataset(self) -> Dataset:
        return Folder(**SMALL)

    @pytest.fixture(params=["train val test", "train val", "Train Test"])
    def context(self, tree: Any, request: pytest.FixtureRequest) -> DatasetContext:
        splits = request.param.split()
        tree.pictures([f"{split}/{name}/{i}.jpg" for split in splits for name in ("cat", "dog", "owl") for i in (0, 1)])
        return at(tree.root)


@pytest.mark.parametrize(
    ("names", "query", "database", "train", "told"),
    [
        ("train val test", "test val", "train", "train", "train is the database and the train split; test and val are"),
        ("train valid", "valid", "train", "train", "train is the database and the train split; valid is the queries"),
        (
            "training_set test_set",
            "test_set",
            "training_set",
            "training_set",
            "training_set is the database",
        ),
        ("Training Testing", "Testing", "Training", "Training", "Training is the database"),
        (
            "test database train",
            "test",
            "database",
            "train",
            "train is the train split; database is the database;",
        ),
        ("query gallery", "query", "gallery", "gallery", "gallery is the database and the train split"),
        ("query train", "query", "train", "train", "train is the database and the train split; query is the queries"),
        ("query database train", "query", "database", "train", ""),
        ("query database", "query", "database", "database", ""),
    ],
)
def test_splits_are_read_by_their_names(
    tree: Any, names: str, query: str, database: str, train: str, told: str
) -> None:
    tree.pictures([f"{split}/{name}/{i}.jpg" for split in names.split() for name in ("cat", "dog") for i in (0, 1)])
    data, said = loaded(tree.root)
    assert data.classes == ("cat", "dog")
    assert tops(data.query.ids) == set(query.split())
    assert tops(data.database.ids) == set(database.split())
    assert tops(data.train.ids) == set(train.split())
    assert told in said if told else not said


#: Folders that are read, with what is said of them.
ODD = {
    "a class called train": (
        ["train/1.jpg", "train/2.jpg", "car/1.jpg", "bus/1.jpg"],
        "bus car train",
        "train/ is a class, because",
    ),
    "cat and Cat": (["Cat/1.jpg", "cat/1.jpg", "dog/1.jpg"], "Cat cat dog", "'Cat' and 'cat' are two classes"),
    "pictures beside classes": (
        ["1.jpg", "cat/1.jpg", "dog/1.jpg"],
        "cat dog",
        "1 picture directly in it",
    ),
    "an empty class": (["cat/1.jpg", "dog/1.jpg", "owl/"], "cat dog", "without a picture, and no class: owl/"),
    "an empty class of a split": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "val/dog/"],
        "cat dog",
        "no class: val/dog/",
    ),
    "one folder in each class": (["cat/images/1.jpg", "dog/images/1.jpg"], "cat dog", ""),
    "one class with folders": (
        ["cat/1.jpg", "birds/owl/1.jpg", "birds/tit/1.jpg"],
        "birds cat",
        "each a class, with the pictures of all folders in it: birds",
    ),
    "an unlabelled test split": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "test/1.jpg"],
        "cat dog",
        "test/ holds pictures without a class, and is not read",
    ),
    "a class of some queries": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "val/owl/1.jpg"],
        "cat dog owl",
        "classes of val/ without an item in the database: owl",
    ),
    "another folder beside splits": (
        ["train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "extra/1.jpg"],
        "cat dog",
        "not read, because the others are splits: extra/",
    ),
    "what systems leave": (["cat/1.jpg", "dog/1.jpg", "__MACOSX/cat/1.jpg", ".git/1.jpg", "cat/.x.jpg"], "cat dog", ""),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_folders_are_read_and_told(tree: Any, name: str) -> None:
    paths, classes, told = ODD[name]
    tree.pictures([path for path in paths if not path.endswith("/")])
    for path in paths:
        (tree.root / path).mkdir(parents=True, exist_ok=True) if path.endswith("/") else None
    data, said = loaded(tree.root)
    assert " ".join(data.classes) == classes
    assert told in said
    if not told:
        assert said.endswith("; queries are drawn")


#: Folders that are refused, with what is said and what would be right.
WRONG = {
    "nothing": ([], "no images in", "arrange them"),
    "pictures alone": (["1.jpg", "2.jpg"], ": 2 pictures without a class", "make a folder"),
    "a folder of pictures": (
        ["images/1.jpg", "images/2.jpg"],
        "lie in one folder, images/: with one class",
        "labels.csv",
    ),
    "one level too high": (
        ["pets/cat/1.jpg", "pets/dog/1.jpg"],
        "is one level too high: it holds pets/ alone",
        "ROOT/pets",
    ),
    "splits one level too high": (["pets/train/cat/1.jpg", "pets/val/cat/1.jpg"], "one level too high", "ROOT/pets"),
    "train alone": (["train/cat/1.jpg", "train/dog/1.jpg"], "holds train/ alone: no queries", "ROOT/train"),
    "query alone": (["query/cat/1.jpg", "query/dog/1.jpg"], "holds query/ alone: nothing to search", "ROOT/query"),
    "query and test": (
        ["query/cat/1.jpg", "test/cat/1.jpg", "train/cat/1.jpg"],
        "would both be the queries",
        "layouts",
    ),
    "two trains": (["train/cat/1.jpg", "Train/cat/1.jpg", "val/cat/1.jpg"], "would both be the train split", "layouts"),
    "train without test": (["train/cat/1.jpg", "database/cat/1.jpg"], "no queries: query, test or val", "layouts"),
    "COCO": (["train2017/1.jpg", "val2017/1.jpg"], "train2017/ holds 1 picture without", "in train2017/"),
    "splits without classes": (["train/1.jpg", "test/1.jpg"], "train/ holds 1 picture without", "in train/"),
    "queries without classes": (
        ["train/cat/1.jpg", "test/1.jpg"],
        "test/ holds 1 picture without a class",
        "in test/",
    ),
    "other classes": (
        ["train/cat/1.jpg", "val/images/1.jpg"],
        "no class of val/ is in the database",
        "in val/",
    ),
    "groups of classes": (
        ["wild/owl/1.jpg", "wild/fox/1.jpg", "home/cat/1.jpg", "home/dog/1.jpg"],
        "either may be the classes, home/ or cat/",
        "folder.depth=1 for classes such as home, folder.depth=2",
    ),
    "groups in splits": (
        [f"{split}/{name}.jpg" for split in ("train", "val") for name in ("wild/owl/1", "wild/fox/1", "home/cat/1")],
        "either may be the classes, home/ or cat/",
        "folder.depth=2",
    ),
    "a split beside classes": (
        ["train/cat/1.jpg", "owl/1.jpg"],
        "holds folders of splits (train) and others (owl)",
        "move",
    ),
    "list files": (["images/1.jpg", "test.txt", "database.txt"], "lie in one folder", "--dataset lists reads"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_folders_are_refused_with_a_drawing(tree: Any, name: str) -> None:
    paths, message, hint = WRONG[name]
    tree.pictures([path for path in paths if path.endswith(".jpg")])
    for path in paths:
        if path.endswith(".txt"):
            (tree.root / path).write_text("images/1.jpg 1 0\n")
    with pytest.raises(DatasetError) as caught:
        loaded(tree.root)
    error = caught.value
    assert message in error.message
    assert hint in str(error.hint).replace(str(tree.root), "ROOT")
    assert any("train/cat/1.jpg" in line for line in error.sketch), "the layouts that are expected"
    assert f"found in {tree.root}:" in error.sketch[0], "and what is there"
    assert max(map(len, error.sketch[1:])) <= 80


def test_the_level_of_the_classes_can_be_said(tree: Any) -> None:
    tree.pictures([f"{group}/{i}.jpg" for group in ("wild/owl", "wild/fox", "home/cat", "home/fox") for i in range(3)])
    assert loaded(tree.root, depth=1)[0].classes == ("home", "wild")
    assert loaded(tree.root, depth=2)[0].classes == ("cat", "fox", "owl")
    with pytest.raises(DatasetError, match="lies 3 folders deep"):
        loaded(tree.root, depth=3)


def test_two_forms_of_a_name_are_one_class(tree: Any) -> None:
    composed, apart = unicodedata.normalize("NFC", "Löwe"), unicodedata.normalize("NFD", "Löwe")
    tree.pictures([f"{split}/{name}/1.jpg" for split, name in (("train", composed), ("val", apart))])
    tree.pictures(["train/cat/1.jpg", "val/cat/1.jpg"])
    data, said = loaded(tree.root)
    assert data.classes == (composed, "cat") or data.classes == ("cat", composed)
    assert "written in two Unicode forms, and read as one class" in said


def test_a_file_that_is_neither_a_table_nor_an_archive_is_refused(tree: Any) -> None:
    tree.pictures(["1.jpg"])
    with pytest.raises(DatasetError, match="is a file, and neither a table"):
        loaded(tree.root / "1.jpg")


def test_a_picture_of_the_target_size_is_not_enlarged_and_cropped(tmp_path: Path) -> None:
    root, pixels = tmp_path / "data", np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    for i, each in enumerate(pixels):
        file = root / "ab"[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(file)
    sizes: list[dict[str, Any]] = [{"size": 16}, {"size": 18}, {"size": 16, "resize": 18}]
    data, larger, asked = (Folder(query_share=0.5, **size).load(at(root)) for size in sizes)
    for name, read in zip(data.query.ids, data.query.images.read(range(2)), strict=True):
        assert torch.equal(read, torch.from_numpy(pixels[int(name[2])]).permute(2, 0, 1))
    assert not torch.equal(data.query.images.read([0]), asked.query.images.read([0]))
    assert len({data.digest, larger.digest, asked.digest}) == 3


def test_pictures_of_other_sizes_keep_the_digest_of_a_loader_that_knows_no_exception(tree: Any) -> None:
    tree.pictures([f"{name}/{i}.png" for name in "ab" for i in range(4)])
    with_rule, without = Folder(size=16).load(at(tree.root)), Folder(size=16, resize=18).load(at(tree.root))
    assert with_rule.digest == without.digest
