"""Datasets of other libraries, passed as objects: their pixels, labels and splits, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

import robusthash as rh
from robusthash.errors import PluginError, RobustHashNote, UsageError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
NAMES = ["cat", "dog", "owl"]
TENSORS = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)


class Vision(Dataset[Any]):
    """As torchvision's datasets are: pairs, with the names of classes."""

    classes = NAMES

    def __init__(self, start: int, stop: int, picture: Callable[[np.ndarray], Any] = Image.fromarray) -> None:
        self.rows, self.picture = range(start, stop), picture

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.picture(PIXELS[self.rows[index]]), self.rows[index] % 3


class Feature:
    """As Hugging Face's ClassLabel is, or a sequence of them."""

    def __init__(self, names: list[str] | None, feature: "Feature | None" = None) -> None:
        if names is not None:
            self.names = names
        if feature is not None:
            self.feature = feature


class Hub(Vision):
    """As Hugging Face's datasets are: mappings, with features."""

    def __init__(self, start: int, stop: int, *, several: bool = False, image: str = "image") -> None:
        super().__init__(start, stop)
        self.image, self.several = image, several
        label = Feature(None, Feature(NAMES)) if several else Feature(NAMES)
        self.features = {image: Feature(None), "label": label}

    def __getitem__(self, index: int) -> Any:
        picture, label = super().__getitem__(index)
        return {self.image: picture, "label": [label, 0] if self.several else label}


def rounded(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


@pytest.mark.parametrize(
    "make",
    [
        Vision,
        lambda start, stop: Vision(start, stop, np.asarray),
        lambda start, stop: Vision(start, stop, rounded),
        lambda start, stop: Subset(Vision(0, 24), list(range(start, stop))),
        Hub,
        lambda start, stop: Hub(start, stop, image="img"),
    ],
    ids=["Pillow", "arrays", "tensors", "subset", "mappings", "img"],
)
def test_parts_become_splits(make: Callable[[int, int], Any]) -> None:
    with pytest.warns(RobustHashNote, match="train is the database and the train split; test is the queries; .* 16x16"):
        data = rh.load_dataset({"train": make(0, 18), "test": make(18, 24)})
    assert data.classes == ("cat", "dog", "owl")
    assert data.query.ids == tuple(f"test {i}" for i in range(6))
    assert data.database.ids == data.train.ids
    assert torch.equal(data.query.images.read(range(6)), TENSORS[18:])
    assert torch.equal(data.database.images.read([17, 0]), TENSORS[[17, 0]])
    assert data.query.labels.argmax(1).tolist() == [i % 3 for i in range(18, 24)]
    assert data.query.labels.sum(1).unique().tolist() == [1]


def test_all_splits_and_several_labels() -> None:
    parts = {"validation": Hub(0, 3, several=True), "test": Hub(3, 6, several=True)}
    data = rh.load_dataset({**parts, "database": Hub(6, 18, several=True), "train": Hub(18, 24, several=True)})
    assert data.query.ids == ("validation 0", "validation 1", "validation 2", "test 0", "test 1", "test 2")
    assert torch.equal(data.query.images.read(range(6)), TENSORS[:6])
    assert data.query.labels.tolist()[:3] == [[1, 0, 0], [1, 1, 0], [1, 0, 1]]
    assert len(data.train) == 6


def test_what_does_not_fit_into_memory_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"train": Vision(0, 18), "test": Vision(18, 24)}
    held = rh.load_dataset(parts)
    monkeypatch.setattr("robusthash.api.objects.joining._LARGEST", 0)
    read = rh.load_dataset(parts)
    assert type(read.query.images) is not type(held.query.images)
    for one, other in ((read.query, held.query), (read.database, held.database)):
        assert torch.equal(one.images.read(range(len(one))), other.images.read(range(len(other))))


def test_a_size_resizes_and_crops_as_files_are(tmp_path: Path) -> None:
    for i, pixels in enumerate(PIXELS):
        split = "query" if i >= 18 else "database"
        (tmp_path / "root" / split / str(i % 3)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "root" / split / str(i % 3) / f"{i}.png")
    own = rh.load_dataset({"database": Vision(0, 18), "query": Vision(18, 24)}, image_size=12)
    files = rh.load_dataset("folder", root=tmp_path / "root", image_size=12)
    order = [int(Path(name).stem) - 18 for name in files.query.ids]
    assert torch.equal(files.query.images.read(range(6)), own.query.images.read(order))


def test_an_evaluation_takes_them() -> None:
    torch.manual_seed(0)
    model = rh.wrap(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 16)), image_size=16)
    out = rh.evaluate(model, "noise", dataset={"train": Vision(0, 18), "test": Vision(18, 24)}, progress=False)
    assert out[0].dataset.name == "Vision"
    assert (out[0].dataset.queries, out[0].dataset.database) == (6, 18)


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(())


class Failing(Vision):
    def __getitem__(self, index: int) -> Any:
        raise KeyError("no such file")


def noisy(pixels: np.ndarray) -> torch.Tensor:
    return torch.rand(3, 16, 16)


@pytest.mark.parametrize(
    ("dataset", "message", "hint"),
    [
        (Vision(0, 24), "which items are queries is unknown", '{"train": train, "test": test}'),
        ({"train": Vision(0, 24)}, "dataset has the parts train: no queries", "name the splits"),
        ({"train": Vision(0, 9), "extra": Vision(9, 24)}, "extra is no split", "name the splits"),
        ({}, "dataset has the parts none: no queries", "name the splits"),
        ({"train": Stream(), "test": Vision(0, 3)}, "train is a Stream", "not a stream or a loader"),
        (
            {"train": DataLoader(Vision(0, 9)), "test": Vision(0, 3)},
            "train is a DataLoader",
            "not a stream or a loader",
        ),
        ({"train": Vision(0, 0), "test": Vision(0, 3)}, "train has no items", "at least one"),
        ({"train": Vision(0, 9, noisy), "test": Vision(9, 12)}, "is another picture whenever it is read", "augment"),
        ({"train": Vision(0, 9, lambda p: rounded(p) * 2 - 1), "test": Vision(9, 12)}, "outside .0, 1.", "Normalize"),
        ({"train": Vision(0, 9, str), "test": Vision(9, 12)}, "item 0 of train is a str", "image of Pillow"),
        (
            {"train": [(PIXELS[0], {"boxes": []})], "test": Vision(9, 12)},
            "the label of item 0 of train",
            "class number",
        ),
        ({"train": [(PIXELS[0], 7)], "test": Vision(9, 12)}, "label 7, and there are 3 classes", "classes - 1"),
        ({"train": [(PIXELS[0], "cat")], "test": [(PIXELS[0], 1)]}, "numbers in one part, and names", "one dataset"),
        ({"train": [PIXELS[0]], "test": Vision(9, 12)}, "item 0 of train is a ndarray", "a pair of picture and label"),
        ({"train": [{"a": 1, "b": 2}], "test": Vision(9, 12)}, "have the keys a, b, and 0 of them", "rename_column"),
        ([1, 2], "dataset is", "a name"),
    ],
)
def test_what_is_none_is_refused(dataset: Any, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        rh.load_dataset(dataset)
    assert hint in str(caught.value.hint)


def test_a_dataset_that_fails_is_named() -> None:
    with pytest.raises(PluginError, match="dataset 'train' in memory was to return item 0, and raised KeyError"):
        rh.load_dataset({"train": Failing(0, 9), "test": Vision(9, 12)})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder in the layout that everybody reads."""
    for i, pixels in enumerate(PIXELS):
        home = tmp_path / "pictures" / ("test" if i >= 18 else "train") / NAMES[i % 3]
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(home / f"{i:02}.png")
    return tmp_path / "pictures"


@pytest.mark.filterwarnings("default")  # of the library's own
def test_hugging_face_is_read(pictures: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = datasets.load_dataset("imagefolder", data_dir=str(pictures), cache_dir=str(tmp_path / "cache"))
    data, files = rh.load_dataset(parts), rh.load_dataset("folder", root=pictures, options={"size": 16})
    assert (data.name, data.classes) == ("imagefolder", files.classes)
    assert torch.equal(data.query.images.read(range(6)), files.query.images.read(range(6)))
    assert torch.equal(data.query.labels, files.query.labels)


def test_torchvision_is_read(pictures: Path) -> None:
    from torchvision.datasets import ImageFolder

    data = rh.load_dataset({part: ImageFolder(pictures / part) for part in ("train", "test")})
    files = rh.load_dataset("folder", root=pictures, options={"size": 16})
    assert (data.name, data.classes) == ("ImageFolder", files.classes)
    assert torch.equal(data.query.images.read(range(6)), files.query.images.read(range(6)))
    assert torch.equal(data.query.labels, files.query.labels)
