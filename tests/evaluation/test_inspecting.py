"""What the host finds wrong with any dataset, by content, and what of it a record is flagged with."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import ArrayImages, Dataset, DatasetContext, FileImages, Images, RetrievalData, Split
from robusthash.errors import DatasetError
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.inspecting.pixels import twins
from robusthash.evaluation.tasks.verify import verify
from robusthash.host import PluginHost


def pixels(*seeds: int) -> torch.Tensor:
    """An image of noise for each seed: equal seeds, equal pixels."""
    rows = [np.random.default_rng(seed).integers(0, 256, (3, 16, 16), dtype=np.uint8) for seed in seeds]
    return torch.from_numpy(np.stack(rows))


def split(name: str, seeds: list[int], labels: list[list[int]], ids: str | None = None) -> Split:
    names = tuple(ids or "") or tuple(f"{name}{i}" for i in range(len(seeds)))
    rows = torch.tensor(labels, dtype=torch.uint8)
    return Split.of_images(name=name, images=ArrayImages(pixels(*seeds)), labels=rows, ids=names)


#: Nothing is wrong with it: two classes, every image another one, train items in the database.
SOUND = RetrievalData(
    name="toy",
    classes=("a", "b"),
    query=split("query", [0, 1], [[1, 0], [0, 1]]),
    database=split("database", [2, 3, 4], [[1, 0], [0, 1], [1, 0]], ids="xyz"),
    train=split("train", [2, 3], [[1, 0], [0, 1]], ids="xy"),
)


@dataclass(frozen=True, kw_only=True)
class Given(Dataset):
    """A dataset whose author checks nothing."""

    data: RetrievalData

    def load(self, context: DatasetContext) -> RetrievalData:
        return self.data


def context(tmp_path: Path) -> DatasetContext:
    return DatasetContext(root=None, cache=tmp_path)


def test_sound_data_is_counted_and_nothing_is_found(tmp_path: Path) -> None:
    found, counts = verify(Given(data=SOUND), context(tmp_path))
    assert found == []
    assert counts is not None
    assert {name: one.items for name, one in counts.splits.items()} == {"query": 2, "database": 3, "train": 2}
    assert (counts.classes, counts.smallest_class, counts.largest_class) == (2, 1, 2)
    assert (counts.splits["train"].in_database, counts.splits["query"].in_database) == (2, 0)
    assert counts.splits["database"].inputs == "image 3x16x16"


@pytest.mark.parametrize(
    ("changed", "told", "count"),
    [
        (
            {"query": split("query", [3, 1], [[1, 0], [0, 1]])},
            "query query0 has the pixels of database, item y",
            "in_database",
        ),
        (
            {"database": split("database", [2, 2, 4], [[1, 0], [0, 1], [1, 0]], ids="xyz")},
            "y has the pixels of database, item x",
            "duplicates",
        ),
        ({"query": split("query", [0, 1], [[1, 0], [0, 0]])}, "query1 has no label", "unlabelled"),
    ],
)
def test_faults_are_found_in_anybodys_dataset(changed: dict[str, Split], told: str, count: str, tmp_path: Path) -> None:
    found, counts = verify(Given(data=replace(SOUND, **changed)), context(tmp_path))
    assert [finding.what for finding in found if told in finding.what]
    assert counts is not None
    assert [getattr(counts.splits[name], count) for name in changed] == [1]


def test_a_query_with_nothing_to_find_is_found(tmp_path: Path) -> None:
    lonely = replace(SOUND, database=split("database", [2, 3, 4], [[1, 0]] * 3, ids="xyz"))
    found, counts = verify(Given(data=lonely), context(tmp_path))
    assert any("query query1 has nothing to find" in finding.what for finding in found)
    assert counts is not None
    assert counts.nothing_to_find == 1


def test_data_of_one_class_has_no_other_target(tmp_path: Path) -> None:
    one = RetrievalData(
        name="one",
        classes=("a",),
        query=split("query", [0, 1], [[1], [1]]),
        database=split("database", [2, 3], [[1], [1]], ids="xy"),
        train=split("train", [2], [[1]], ids="x"),
    )
    found, counts = verify(Given(data=one), context(tmp_path))
    assert any("no other target than their own label" in finding.what for finding in found)
    assert counts is not None
    assert counts.only_own_targets == 2


def test_files_are_compared_by_what_they_show(tmp_path: Path) -> None:
    for seed, name in enumerate(("q.png", "d.png", "e.png")):
        Image.fromarray(pixels(seed)[0].permute(1, 2, 0).numpy()).save(tmp_path / name)
    Image.fromarray(pixels(0)[0].permute(1, 2, 0).numpy()).save(tmp_path / "copy.bmp")

    def files(name: str, *names: str) -> Split:
        images = FileImages(tmp_path, names, size=16, resize=16)
        labels = torch.ones((len(names), 1), dtype=torch.uint8)
        return Split.of_images(name=name, images=images, labels=labels, ids=names)

    query, database = files("query", "q.png"), files("database", "d.png", "copy.bmp")
    assert twins(query, database, tmp_path / "cache", lambda *_: None).tolist() == [1]  # type: ignore[union-attr]
    database.images.read = lambda *_: pytest.fail("read again")  # type: ignore[method-assign]
    assert twins(query, database, tmp_path / "cache", lambda *_: None).tolist() == [1]  # type: ignore[union-attr]
    (tmp_path / "e.png").write_bytes(b"")
    data = RetrievalData(
        name="f", classes=("a",), query=query, database=files("database", "d.png", "e.png"), train=query
    )
    found, counts = verify(Given(data=data), context(tmp_path))
    assert any(finding.where == str(tmp_path / "e.png") and finding.level == "error" for finding in found)
    assert counts is not None
    assert counts.splits["database"].unreadable == 1
    assert counts.splits["query"].sizes == ((16, 16), (16, 16))


class _Nameless(Images):
    """Images whose author says nothing of their identity."""

    def __init__(self, *seeds: int) -> None:
        self.array, self.size = pixels(*seeds), (16, 16)

    def __len__(self) -> int:
        return len(self.array)

    def read(self, indices: object) -> torch.Tensor:
        return self.array[list(indices)]  # type: ignore[call-overload]


def test_images_are_their_content_even_if_their_author_does_not_say_so() -> None:
    one, same, other = (
        Split.of_images(name="query", images=_Nameless(seed), labels=torch.ones((1, 1), dtype=torch.uint8), ids=("a",))
        for seed in (0, 0, 1)
    )
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (torch.tensor([[0, 1], [7, 0]], dtype=torch.uint8), r"row 2 \(b\), column 1: 7 is neither 0 nor 1"),
        (torch.tensor([3, 5]), r"\(2,\) torch.int64, not .* of the class numbers"),
        (torch.tensor([[0.5, 1.0], [0, 0]]), r"torch.float32, not"),
        (torch.tensor([[0, -1], [0, 0]]), r"torch.int64, not"),
        (torch.tensor([[float("nan"), 1.0], [0, 0]]), r"torch.float32, not"),
        (np.zeros((2, 2), dtype=np.uint8), r"uint8, not"),
    ],
)
def test_labels_that_are_not_zeros_and_ones_are_told(labels: torch.Tensor, told: str) -> None:
    with pytest.raises(DatasetError, match=told):
        Split.of_images(name="query", images=ArrayImages(pixels(0, 1)), labels=labels, ids=("a", "b"))


def test_labels_and_classes_have_the_same_columns() -> None:
    with pytest.raises(DatasetError, match="2 columns, and there are 3 classes"):
        replace(SOUND, classes=("a", "b", "c"))


def test_an_image_size_is_checked_with_the_request() -> None:
    with pytest.raises(Exception, match="image-size is 100000"):
        RunSettings(image_size=100_000)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("changed", "attack", "flags"),
    [
        ({}, "noise", set()),
        ({"query": split("query", [3, 1], [[1, 0], [0, 1]])}, "noise", {"RH018"}),
        ({"database": split("database", [2, 3, 4], [[1, 0]] * 3, ids="xyz")}, "noise", {"RH017"}),
        ({"database": split("database", [2, 3, 4], [[1, 1]] * 3, ids="xyz")}, "rnm-p2s", {"RH016"}),
    ],
    ids=["sound", "twins", "nothing to find", "own targets"],
)
def test_records_are_flagged(changed: dict[str, Split], attack: str, flags: set[str], tmp_path: Path) -> None:
    data = replace(SOUND, **changed, backbone="small-cnn")
    setting = RunSettings(dataset=data, options={attack: {"steps": "2"}} if attack != "noise" else {})
    request = Request(models=("lsh",), attacks=(attack,), bits=(8,), setting=setting)
    outcome = evaluate(request, PluginHost.load(), results=tmp_path / "results")
    assert not outcome.failures
    found = {flag.id for record in outcome.records for flag in record.outcome.flags}
    assert {one for one in found if one >= "RH016"} == flags
