"""Anybody's own pictures, in the three layouts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from robusthash.contracts import Dataset, DatasetContext
from robusthash.errors import DatasetError, OptionError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing import DatasetContract
from robusthash_datasets.folder import Folder

CLASSES = ("cat", "dog", "owl")
SMALL: dict[str, Any] = {"size": 16, "resize": 20}


def at(root: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=root.parent / "cache")


class TestSplitFolders(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Folder(**SMALL)

    @pytest.fixture(params=["with train", "without train"])
    def context(self, tree: Any, request: pytest.FixtureRequest) -> DatasetContext:
        splits = {"query": 2, "database": 3} | ({"train": 2} if request.param == "with train" else {})
        tree.pictures([f"{split}/{name}/{i}.jpg" for split, n in splits.items() for name in CLASSES for i in range(n)])
        return at(tree.root)


class TestClassFolders(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Folder(**SMALL)

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        tree.pictures([f"{name}/sub/{i}.PNG" for name in CLASSES for i in range(10)])
        (tree.root / "cat" / "notes.txt").write_text("no picture")
        (tree.root / ".hidden").mkdir()
        (tree.root / "__MACOSX").mkdir()
        return at(tree.root)


class TestTable(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Folder(**SMALL)

    @pytest.fixture(params=["words", "columns"])
    def context(self, tree: Any, request: pytest.FixtureRequest) -> DatasetContext:
        tree.pictures([f"{i}.png" for i in range(12)])
        if request.param == "words":
            lines = ["path,labels", *(f"{i}.png,sky;{'water' if i % 2 else 'tree'}" for i in range(12))]
        else:
            lines = ["path,sky,water,tree", *(f"{i}.png,1,{i % 2},{1 - i % 2}" for i in range(12))]
        (tree.root / "labels.csv").write_text("\n".join(lines))
        return at(tree.root)


def test_class_folders_are_drawn_in_shares(tree: Any) -> None:
    tree.pictures([f"{name}/{i}.png" for name in CLASSES for i in range(20)])
    data = Folder(query_share=0.2, train_share=0.25).load(at(tree.root))
    assert data.classes == CLASSES
    assert data.query.labels.sum(0).tolist() == [4, 4, 4]
    assert data.database.labels.sum(0).tolist() == [16, 16, 16]
    assert data.train.labels.sum(0).tolist() == [4, 4, 4]
    assert set(data.train.ids) < set(data.database.ids)
    for name, row in zip(data.query.ids, data.query.labels, strict=True):
        assert CLASSES[int(row.argmax())] == name.split("/")[0]
    other = Folder(query_share=0.2, train_share=0.25, seed=1).load(at(tree.root))
    assert other.query.ids != data.query.ids


def test_the_draw_does_not_depend_on_the_order_of_the_table(tree: Any) -> None:
    tree.pictures([f"{i}.png" for i in range(20)])
    rows = [f"{i}.png,{'a' if i % 3 else 'b'}" for i in range(20)]
    digests = set()
    for order in (rows, rows[::-1]):
        (tree.root / "labels.csv").write_text("\n".join(["path,labels", *order]))
        digests.add(Folder(**SMALL).load(at(tree.root)).digest)
    assert len(digests) == 1


def test_a_table_may_name_the_splits(tree: Any) -> None:
    tree.pictures([f"{i}.png" for i in range(4)])
    (tree.root / "labels.csv").write_text(
        'path,split,labels\n0.png,query,"a; b"\n1.png,database,b\n2.png,database,\n3.png,train,c;a\n'
    )
    data = Folder(**SMALL).load(at(tree.root))
    assert data.classes == ("a", "b", "c")
    assert (data.query.ids, data.database.ids, data.train.ids) == (("0.png",), ("1.png", "2.png"), ("3.png",))
    assert data.query.labels.tolist() == [[1, 1, 0]]
    assert data.database.labels.tolist() == [[0, 1, 0], [0, 0, 0]]
    whats = [finding.what for finding in verify(Folder(**SMALL), at(tree.root))[0]]
    assert [what.split(":")[0] for what in whats] == [
        "2.png has no label",
        "3.png is not in the database",
        "1 of 1 queries share a label with every labelled database item",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,labels\n", "names no image"),
        ("stem,labels\na.png,x\n", r"labels\.csv:1: the columns are stem, labels: none is the path"),
        ("file,image,labels\na.png,b.png,x\n", r"labels\.csv:1: file and image could both be the path"),
        ("path,labels\na.png,'x, y'\n".replace("'", '"'), r"labels in .* have commas: 'x, y' may be one label or sev"),
        ("path,labels\na.png,x;y\nb.png,x|z\n", r"labels in .* have both"),
        ("path\na.png\n", r"labels\.csv:1"),
        ("path,labels\na.png,x\nb.png\n", r"labels\.csv:3: 1 cells, not 2"),
        ("path,cat,dog\na.png,1,2\n", r"labels\.csv:2: label '2' is neither 0 nor 1"),
        ("path,labels,split\na.png,x,other\n", r"labels\.csv:2: split 'other' is not one of query"),
        ("path,labels,split\na.png,x,test\n", r"the splits in .*labels\.csv are test: nothing to search"),
        ("path,labels\n,x\n", r"labels\.csv:2: the path is empty"),
    ],
)
def test_a_bad_table_is_named_by_line(tree: Any, text: str, message: str) -> None:
    (tree.root / "labels.csv").write_text(text)
    with pytest.raises(DatasetError, match=message) as caught:
        Folder().load(at(tree.root))
    assert caught.value.hint


def test_bad_lines_and_bad_pictures_are_found(tree: Any) -> None:
    tree.pictures([f"{i}.png" for i in range(6)])
    (tree.root / "3.png").write_bytes(b"no picture")
    rows = [f"{i}.png,{i % 2},1" for i in range(7)]
    (tree.root / "labels.csv").write_text("\n".join(["path,a,b", *rows, "0.png,2,2"]))
    found = verify(Folder(**SMALL), at(tree.root))[0]
    places = {Path(finding.where).name: finding.what for finding in found if finding.level == "error"}
    assert set(places) == {"labels.csv:5", "labels.csv:8", "labels.csv:9"}
    assert "cannot read image" in places["labels.csv:5"]
    assert "no image" in places["labels.csv:8"]
    assert "'2'" in places["labels.csv:9"]


def test_a_table_of_bad_lines_is_still_listed(tree: Any) -> None:
    (tree.root / "labels.csv").write_text("path,a,b\n0.png,1\n1.png,1,x\n")
    found = verify(Folder(), at(tree.root))[0]
    assert [Path(finding.where).name for finding in found] == ["labels.csv:2", "labels.csv:3"]


def test_a_picture_that_the_table_names_twice_is_found(tree: Any) -> None:
    tree.pictures([f"{i}.png" for i in range(3)])
    rows = ["0.png,query,x", "1.png,database,x", "2.png,database,x", "1.png,database,x", "0.png,database,x"]
    (tree.root / "labels.csv").write_text("\n".join(["path,split,labels", *rows]))
    errors = [finding for finding in verify(Folder(**SMALL), at(tree.root))[0] if finding.level == "error"]
    told = {Path(finding.where).name: Path(finding.what.split()[-1]).name for finding in errors}
    assert told == {"labels.csv:5": "labels.csv:3", "labels.csv:2": "labels.csv:6"}


def test_a_broken_picture_in_a_class_folder_is_found(tree: Any) -> None:
    tree.pictures([f"{name}/{i}.png" for name in CLASSES for i in range(4)])
    (tree.root / "owl" / "2.png").write_bytes(b"")
    errors = [finding for finding in verify(Folder(**SMALL), at(tree.root))[0] if finding.level == "error"]
    assert [Path(finding.where).name for finding in errors] == ["2.png"]


def test_nothing_to_find_is_said_with_the_layouts(tmp_path: Path) -> None:
    for root in (None, tmp_path / "gone", tmp_path):
        with pytest.raises(DatasetError) as caught:
            Folder().load(DatasetContext(root=root, cache=tmp_path / "cache"))
        assert "query/cat/1.jpg" in str(caught.value)


def test_an_empty_split_is_refused(tree: Any) -> None:
    tree.pictures(["query/cat/1.png"])
    (tree.root / "database").mkdir()
    with pytest.raises(DatasetError, match="no image in the database split"):
        Folder().load(at(tree.root))


def test_the_suggested_backbone_suits_the_size(tree: Any) -> None:
    tree.pictures([f"{name}/{i}.png" for name in CLASSES for i in range(4)])
    assert Folder(size=32).load(at(tree.root)).backbone == "small-cnn"
    assert Folder().load(at(tree.root)).backbone == "resnet18"
    assert torch.is_tensor(Folder().load(at(tree.root)).query.labels)


@pytest.mark.parametrize(
    "options", [{"query_share": 0.0}, {"train_share": 1.5}, {"title": ""}, {"depth": 0}, {"separator": ""}]
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Folder(**options)
