"""List files in both layouts: what is read, what is refused, and what a verification finds."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robusthash.contracts import Dataset, DatasetContext, FileImages, Finding
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing import DatasetContract
from robusthash_datasets.lists import Lists
from robusthash_datasets.lists.files import read_listing

QUERY = [("images/q0.jpg", "1 0 0"), ("images/q1.jpg", "0 1 1")]
DATABASE = [(f"images/d{i}.png", row) for i, row in enumerate(["1 0 0", "0 1 0", "0 0 1", "1 1 1"])]
TRAIN = DATABASE[1:3]
NAMES = [path for path, _ in QUERY + DATABASE]
SMALL: dict[str, Any] = {"size": 16, "resize": 20}


def context(root: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=root / "cache")


def write(tree: Any, query: Any = QUERY, database: Any = DATABASE, train: Any = TRAIN) -> DatasetContext:
    tree.pairs("test", query)
    tree.pairs("database", database)
    tree.pairs("train", train)
    return context(tree.root)


class TestPairs(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Lists(**SMALL)

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        tree.pictures(NAMES)
        return write(tree)


class TestColumns(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Lists(**SMALL, strip="./data/set/", prefix="images/")

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        tree.pictures(NAMES)
        for split, rows in (("test", QUERY), ("database", DATABASE), ("train", TRAIN)):
            tree.columns(split, [(path.replace("images/", "./data/set/"), row) for path, row in rows])
        return context(tree.root)


class TestQueriesInTheDatabase(DatasetContract):
    queries_in_database = True

    @pytest.fixture
    def dataset(self) -> Dataset:
        return Lists(**SMALL)

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        tree.pictures(NAMES)
        return write(tree, database=DATABASE + QUERY[:1])


def test_both_layouts_say_the_same(tree: Any) -> None:
    tree.pairs("pair", DATABASE)
    for end in ("\n", "\r\n", " \n"):
        tree.columns("column", DATABASE, end=end)
        pairs, columns = read_listing(tree.root, "pair"), read_listing(tree.root, "column")
        assert pairs.paths == columns.paths == tuple(path for path, _ in DATABASE)
        assert torch.equal(pairs.labels, columns.labels)
        assert pairs.labels.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
        assert not pairs.faults
        assert not columns.faults


def test_paths_may_hold_spaces_and_backslashes(tree: Any) -> None:
    tree.columns("test", [("my images\\a 1.jpg", "1 0 0"), ("b.jpg", "0 0 1")])
    listing = read_listing(tree.root, "test")
    assert listing.paths == ("my images/a 1.jpg", "b.jpg")
    assert listing.labels.tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1 0", "2 labels, not 3"),
        ("1 0 0 1", "4 labels, not 3"),
        ("1 10 0", "'10'"),
        ("1 0 2", "'2'"),
        ("", "0 labels"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tree: Any, row: str, what: str) -> None:
    rows = [DATABASE[0], (DATABASE[1][0], row), *DATABASE[2:]]
    given = write(tree, database=rows)
    with pytest.raises(DatasetError, match=r"database_label\.txt:2: .*" + what):
        Lists().load(given)
    found = verify(Lists(), given)[0]
    assert [(finding.level, Path(finding.where).name) for finding in found] == [("error", "database_label.txt:2")]


def test_lists_of_different_length_are_named(tree: Any) -> None:
    given = write(tree)
    with (tree.root / "train_label.txt").open("a") as file:
        file.write("0 0 1\n")
    with pytest.raises(DatasetError, match=r"train_label\.txt:3: train_img.txt ends after 2 lines"):
        Lists().load(given)


def test_a_missing_list_is_named_with_both_layouts(tree: Any) -> None:
    given = write(tree)
    (tree.root / "database_img.txt").unlink()
    with pytest.raises(DatasetError, match="no list of the database split") as caught:
        Lists().load(given)
    assert "database_img.txt" in str(caught.value.hint)
    assert "database.txt" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_list_that_is_none_is_refused(tree: Any, content: bytes) -> None:
    given = write(tree)
    (tree.root / "test_img.txt").write_bytes(content)
    with pytest.raises(DatasetError, match=r"test_img\.txt"):
        Lists().load(given)


def test_splits_of_other_classes_are_refused(tree: Any) -> None:
    given = write(tree, train=[("images/d1.png", "0 1")])
    with pytest.raises(DatasetError, match=r"3 in .*, 2 in train_img\.txt"):
        Lists().load(given)
    with pytest.raises(DatasetError, match="2 class names for 3"):
        Lists(classes=("a", "b")).load(write(tree))


def test_a_missing_image_is_named_with_its_line(tree: Any) -> None:
    tree.pictures(NAMES[:-1])
    given = write(tree)
    data = Lists(**SMALL).load(given)
    with pytest.raises(DatasetError, match=r"database_img\.txt:4: no image .*d3\.png"):
        data.database.images.read([3])
    found = verify(Lists(**SMALL), given)[0]
    assert [Path(finding.where).name for finding in found if finding.level == "error"] == ["database_img.txt:4"]


def test_images_may_be_elsewhere(tree: Any, tmp_path: Path) -> None:
    tree.pictures([f"../elsewhere/{name}" for name in NAMES])
    given = write(tree)
    inside = Lists(**SMALL, images=tmp_path / "elsewhere").load(given)
    assert inside.query.images.read([0]).shape == (1, 3, 16, 16)
    relative = Lists(**SMALL, images=Path("../elsewhere")).load(given)
    assert relative.query.images.read([0]).equal(inside.query.images.read([0]))


def kinds(found: list[Finding]) -> Counter[str]:
    """How many findings say what, by a word of it."""
    words = (
        "duplicate",
        "has no label",
        "also in the database split",
        "also in the train split",
        "not in the database",
        "no image",
    )
    return Counter(word for finding in found for word in words if word in finding.what)


def test_everything_wrong_is_found(tree: Any) -> None:
    tree.pictures([*NAMES, "images/extra.png"])
    given = write(
        tree,
        query=[*QUERY, DATABASE[0], ("images/q1.jpg", "0 0 0")],
        database=[*DATABASE, DATABASE[3]],
        train=[*TRAIN, QUERY[0], ("images/extra.png", "0 0 1"), TRAIN[0]],
    )
    found = verify(Lists(**SMALL), given)[0]
    assert kinds(found) == {
        "duplicate": 3,
        "has no label": 1,
        "also in the database split": 1,
        "also in the train split": 1,
        "not in the database": 1,
    }
    levels = {finding.what: finding.level for finding in found}
    assert sum(level == "error" for level in levels.values()) == 4
    repeated = next(finding for finding in found if "q1.jpg is a duplicate in the query split" in finding.what)
    assert Path(repeated.where).name == "test_img.txt:4"
    assert repeated.what.endswith("test_img.txt:2")


def test_long_listings_are_cut_and_counted(tree: Any) -> None:
    given = write(tree, database=[(f"images/{i}.png", "0 0 0") for i in range(20)])
    found = verify(Lists(**SMALL), given)[0]
    told = [finding for finding in found if finding.where.startswith(str(tree.root / "database_img.txt"))]
    assert len(told) == 10, "five without a label, five without an image"
    assert "20 items without a label in all" in [finding.what for finding in found]
    assert "20 unreadable images in all" in [finding.what for finding in found]


def test_a_larger_size_keeps_the_proportion(tree: Any) -> None:
    images = Lists(**SMALL).load(replace(write(tree), image_size=224)).query.images
    assert isinstance(images, FileImages)
    assert (images.size, images.resize) == ((224, 224), 256)
