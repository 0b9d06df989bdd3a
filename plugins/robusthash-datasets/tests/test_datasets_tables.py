"""Tables and arrays of the user's images, under the names that people give them."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robusthash.contracts import Dataset, DatasetContext, RetrievalData
from robusthash.errors import DatasetError, MissingDependencyError, RobustHashNote
from robusthash.testing import DatasetContract
from robusthash_datasets.folder import Folder

SMALL: dict[str, Any] = {"size": 16, "resize": 20}


def at(root: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=root.parent / "cache")


def loaded(root: Path, **options: Any) -> tuple[RetrievalData, str]:
    """The data, and all that was told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RobustHashNote)
        data = Folder(**{**SMALL, **options}).load(at(root))
    return data, " ".join(str(one.message) for one in told)


def labels_of(data: RetrievalData) -> dict[str, str]:
    """The labels of each item, by its id."""
    found = {}
    for split in (data.query, data.database):
        for name, row in zip(split.ids, split.labels.tolist(), strict=True):
            found[name] = " ".join(known for known, there in zip(data.classes, row, strict=True) if there)
    return found


#: Tables that are read: name of the file, its text, options, what is told. All say the same of the same pictures.
TABLES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "ours": ("labels.csv", "path,labels\na/0.png,sky;sea\na/1.png,sea\n", {}, ""),
    "other names": ("list.csv", "Label,File Name\nsky;sea,a/0.png\nsea,a/1.png\n", {}, ""),
    "pandas": ("list.csv", ",filename,tags\n0,a/0.png,sky|sea\n1,a/1.png,sea\n", {}, ""),
    "more columns": ("list.csv", "id,path,labels\n7,a/0.png,sky;sea\n8,a/1.png,sea\n", {}, "not read: id"),
    "tabs": ("list.tsv", "path\tlabels\na/0.png\tsky;sea\na/1.png\tsea\n", {}, ""),
    "semicolons": ("list.csv", "path;labels\na/0.png;sky|sea\na/1.png;sea\n", {}, ""),
    "Excel": ("list.csv", "\ufeffpath,labels\r\na\\0.png,sky;sea\r\na\\1.png,sea\r\n", {}, ""),
    "commas": ("list.csv", 'path,labels\na/0.png,"sky, sea"\na/1.png,sea\n', {"separator": ","}, ""),
    "dots": ("labels.csv", "path,labels\n./a/0.png,sky;sea\na//1.png,sea\n", {}, "2 paths are written like ./a.jpg"),
    "zeros and ones": ("labels.csv", "path,sea,sky\na/0.png,1,1\na/1.png,1,0\n", {}, ""),
    "named columns": (
        "labels.csv",
        "where,what,label\na/0.png,sky;sea,7\na/1.png,sea,8\n",
        {"path_column": "where", "label_column": "what"},
        "not read: label",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_under_the_names_that_people_use(tree: Any, name: str) -> None:
    file, text, options, told = TABLES[name]
    tree.pictures(["a/0.png", "a/1.png"])
    (tree.root / file).write_bytes(text.encode())
    data, said = loaded(tree.root, query_share=0.5, **options)
    assert labels_of(data) == {"a/0.png": "sea sky", "a/1.png": "sea"}
    assert told in said
    assert ("list.csv is the table of labels" in said) == (file == "list.csv")
    again, _ = loaded(tree.root / file, query_share=0.5, **options)  # the table itself may be named
    assert again.digest == data.digest


def test_tables_of_splits_are_read_together(tree: Any) -> None:
    tree.pictures([f"{split}/{i}.png" for split in ("train", "test") for i in range(4)])
    for split in ("train", "test"):
        rows = [f"{split}/{i}.png,{'ab'[i % 2]}" for i in range(4)]
        (tree.root / f"{split}.csv").write_text("\n".join(["filepath,class", *rows]))
    data, said = loaded(tree.root)
    assert {name.split("/")[0] for name in data.query.ids} == {"test"}
    assert data.database.ids == data.train.ids == tuple(f"train/{i}.png" for i in range(4))
    assert "train is the database and the train split; test is the queries" in said
    (tree.root / "test" / "2.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"test\.csv:4: cannot read image"):
        data.query.images.read([2])


def test_a_column_of_splits_may_say_train_and_test(tree: Any) -> None:
    tree.pictures([f"{i}.png" for i in range(4)])
    rows = [f"{i}.png,{'ab'[i % 2]},{'train' if i < 2 else 'test'}" for i in range(4)]
    (tree.root / "labels.csv").write_text("\n".join(["path,label,Subset", *rows]))
    data, said = loaded(tree.root)
    assert (data.query.ids, data.database.ids) == (("2.png", "3.png"), ("0.png", "1.png"))
    assert "train is the database and the train split; test is the queries" in said


def test_two_tables_without_splits_are_refused(tree: Any) -> None:
    tree.pictures(["0.png"])
    for name in ("a.csv", "b.csv"):
        (tree.root / name).write_text("path,label\n0.png,x\n")
    with pytest.raises(DatasetError, match=r"several tables of labels: a\.csv, b\.csv") as caught:
        loaded(tree.root)
    assert "--data-root" in str(caught.value.hint)


def test_a_table_beside_class_folders_is_told(tree: Any) -> None:
    tree.pictures([f"{name}/{i}.png" for name in ("cat", "dog") for i in range(3)])
    (tree.root / "list.csv").write_text("path,label\ncat/0.png,x\n")
    (tree.root / "notes.csv").write_text("a,b\n1,2\n")
    data, said = loaded(tree.root)
    assert data.classes == ("cat", "dog")
    assert "list.csv is not read, because folders name the classes: --data-root" in said


def test_parquet_is_read_as_csv_is(tree: Any) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    tree.pictures(["a/0.png", "a/1.png"])
    columns = {"index": [5, 6], "path": ["a/0.png", "a/1.png"], "labels": [["sky", "sea"], ["sea"]]}
    parquet.write_table(arrow.table(columns), tree.root / "list.parquet")
    data, said = loaded(tree.root, query_share=0.5)
    assert labels_of(data) == {"a/0.png": "sea sky", "a/1.png": "sea"}
    assert "not read: index" in said
    columns = {"path": ["a/0.png", "a/1.png"], "sea": [True, True], "sky": [1.0, 0.0]}
    parquet.write_table(arrow.table(columns), tree.root / "list.parquet")
    assert labels_of(loaded(tree.root, query_share=0.5)[0]) == {"a/0.png": "sea sky", "a/1.png": "sea"}
    pictures = {"image": [{"bytes": b"", "path": "0.png"}], "label": [0]}
    parquet.write_table(arrow.table(pictures), tree.root / "list.parquet")
    with pytest.raises(DatasetError, match="the column image holds the pictures themselves") as caught:
        loaded(tree.root)
    assert "load_dataset" in str(caught.value.hint)
    (tree.root / "list.parquet").write_bytes(b"PAR1 no more PAR1")
    with pytest.raises(DatasetError, match=r"cannot read .*list\.parquet"):
        loaded(tree.root)


def test_parquet_without_its_reader_is_told(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree.root / "labels.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match="pyarrow is not installed") as caught:
        loaded(tree.root)
    assert "robusthash-datasets[parquet]" in str(caught.value.hint)


# Arrays

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
NUMBERS = np.arange(12) % 3


class TestArrays(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Folder()

    @pytest.fixture(params=["one", "Keras", "MedMNIST"])
    def context(self, tmp_path: Path, request: pytest.FixtureRequest) -> DatasetContext:
        file = tmp_path / "data.npz"
        if request.param == "one":
            np.savez(file, images=PIXELS, labels=NUMBERS, classes=np.array(["a", "b", "c"]))
        elif request.param == "Keras":
            np.savez(file, x_train=PIXELS[:6], y_train=NUMBERS[:6], x_test=PIXELS[6:], y_test=NUMBERS[6:])
        else:
            parts = {"train": slice(0, 6), "val": slice(6, 9), "test": slice(9, 12)}
            images = {f"{split}_images": PIXELS[part] for split, part in parts.items()}
            np.savez(file, **images, **{f"{split}_labels": NUMBERS[part, None] for split, part in parts.items()})  # type: ignore[arg-type]
        return DatasetContext(root=file, cache=tmp_path / "cache")


def test_arrays_keep_their_size_and_their_splits(tmp_path: Path) -> None:
    grey = PIXELS[..., 0]
    np.savez(tmp_path / "mnist.npz", x_train=grey[:9], y_train=NUMBERS[:9], x_test=grey[9:], y_test=NUMBERS[9:])
    data, said = loaded(tmp_path, size=None, resize=None)
    assert "train is the database and the train split; test is the queries" in said
    assert data.classes == ("0", "1", "2")
    assert data.query.ids == ("test 0", "test 1", "test 2")
    assert data.query.labels.argmax(1).tolist() == NUMBERS[9:].tolist()
    planes = torch.from_numpy(grey[9:]).unsqueeze(1).expand(-1, 3, -1, -1)
    assert torch.equal(data.query.images.read(range(3)), planes)
    assert data.backbone == "small-cnn"


def test_npy_files_and_channels_in_front_are_read(tmp_path: Path) -> None:
    multi = np.eye(3, dtype=np.float32)[NUMBERS]
    multi[0] = 1
    np.save(tmp_path / "x.npy", PIXELS.transpose(0, 3, 1, 2))
    np.save(tmp_path / "y.npy", multi)
    data, said = loaded(tmp_path, size=None, resize=None, query_share=0.25)
    assert not said
    for split in (data.query, data.database):
        for name, row, read in zip(split.ids, split.labels, split.images.read(range(len(split))), strict=True):
            assert row.tolist() == multi[int(name)].tolist()
            assert torch.equal(read, torch.from_numpy(PIXELS[int(name)]).permute(2, 0, 1))


@pytest.mark.parametrize(
    ("arrays", "message", "hint"),
    [
        ({"images": PIXELS}, "images has no counterpart|they are not images and labels", "class numbers"),
        ({"a": PIXELS, "b": NUMBERS}, "has the arrays a, b: they are not images and labels", "class numbers"),
        ({"images": PIXELS, "x": PIXELS, "labels": NUMBERS}, "images and x could both be the images", "class numbers"),
        ({"x_train": PIXELS, "y_train": NUMBERS}, "no queries: query, test or val", "class numbers"),
        ({"images": PIXELS / 255, "labels": NUMBERS}, "is float64 .* not levels from 0 to 255", "multiply by 255"),
        ({"images": PIXELS.reshape(12, -1), "labels": NUMBERS}, r"has shape \(12, 192\), not \(n, h, w, 3\)", "uint8"),
        ({"images": PIXELS, "labels": NUMBERS[:5]}, r"has shape \(5,\), for 12 images", "class numbers"),
        ({"images": PIXELS, "labels": NUMBERS / 2}, "is float64, not class numbers or names", "class numbers"),
        ({"images": PIXELS, "labels": np.full((12, 2), 2)}, "2 is neither 0 nor 1", "zeros and ones"),
        (
            {"images": PIXELS, "labels": NUMBERS, "classes": np.array(["a"])},
            "labels are 0 to 2, and there are 1 ",
            "uint8",
        ),
        ({"images": PIXELS, "labels": NUMBERS.astype(object)}, "cannot read .* Object arrays", "uint8"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str, hint: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(DatasetError, match=message) as caught:
        loaded(tmp_path, size=None, resize=None)
    assert hint in str(caught.value.hint)
