"""Folders with captions in each layout: the same items from all of them, and what is told of others."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robusthash.cli import run
from robusthash.contracts import TEXT, Dataset, DatasetContext, RetrievalData
from robusthash.errors import DatasetError, OptionError
from robusthash.specs import DatasetSpec
from robusthash.testing import DatasetContract
from robusthash_crossmodal.data.captioned import Captioned
from robusthash_crossmodal.data.specs import datasets

#: Items of two classes: the image's number, its captions, its label and its split.
ITEMS = (
    (0, ("a dog runs", "the brown dog"), "dog", "train"),
    (1, ("a red ball",), "ball", "train"),
    (2, ("a dog sleeps",), "dog", "train"),
    (3, ("the ball rolls", "one red ball"), "ball", "train"),
    (4, ("a dog barks",), "dog", "test"),
    (5, ("the ball",), "ball", "test"),
)


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG")
    return content.getvalue()


def write(root: Path, name: str, content: str | bytes) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def images(root: Path, folder: str = "") -> None:
    for number, *_ in ITEMS:
        write(root, f"{folder}{number}.jpg", jpeg(number))


def table(root: Path, *, labels: bool = True) -> None:
    images(root, "images/")
    lines = [
        f'{number}.jpg,"{caption}",{f"{label}," if labels else ""}{split}'
        for number, captions, label, split in ITEMS
        for caption in captions
    ]
    write(root, "captions.csv", "\n".join([f"image,caption,{'labels,' if labels else ''}split", *lines]))


def coco(root: Path) -> None:
    for part, wanted in (("train2017", "train"), ("val2017", "test")):
        chosen = [item for item in ITEMS if item[3] == wanted]
        for number, *_ in chosen:
            write(root, f"{part}/{number}.jpg", jpeg(number))
        described = [{"id": 70 + number, "file_name": f"{number}.jpg"} for number, *_ in chosen]
        told = [{"image_id": 70 + number, "caption": one} for number, captions, *_ in chosen for one in captions]
        without = [{"id": 1, "file_name": "silent.jpg"}]
        write(
            root, f"annotations/captions_{part}.json", json.dumps({"images": described + without, "annotations": told})
        )
        kinds = [{"id": 8, "name": "dog"}, {"id": 3, "name": "ball"}]
        seen = [{"image_id": 70 + n, "category_id": 8 if label == "dog" else 3} for n, _, label, _ in chosen] * 2
        write(root, f"annotations/instances_{part}.json", json.dumps({"categories": kinds, "annotations": seen}))


def karpathy(root: Path) -> None:
    images(root, "val2014/")
    described = [
        {
            "filename": f"{number}.jpg",
            "filepath": "val2014",
            "split": split,
            "sentences": [{"raw": one, "tokens": []} for one in captions],
            "labels": [label],
        }
        for number, captions, label, split in ITEMS
    ]
    described.append({**described[0], "filename": "validating.jpg", "split": "val"})
    write(root, "dataset_coco.json", json.dumps({"images": described, "dataset": "coco"}))


def beside(root: Path) -> None:
    for number, captions, label, split in ITEMS:
        write(root, f"{split}/{label}/{number}.jpg", jpeg(number))
        write(root, f"{split}/{label}/{number}.txt", "\n".join(captions))


def tokens(root: Path) -> None:
    images(root, "Flicker8k_Dataset/")
    lines = [f"{number}.jpg#{place}\t{one}" for number, captions, *_ in ITEMS for place, one in enumerate(captions)]
    write(root, "Flickr8k.token.txt", "\n".join([*lines, "unlisted.jpg#0\ta cat"]))
    for split in ("train", "test"):
        listed = [f"{number}.jpg" for number, _, _, own in ITEMS if own == split]
        write(root, f"Flickr_8k.{split}Images.txt", "\n".join(listed))


UNKNOWN = json.dumps({"categories": [], "annotations": [{"image_id": 1, "category_id": 5}]})
LAYOUTS = {"table": table, "coco": coco, "karpathy": karpathy, "beside": beside}


def load(root: Path, **options: str | float) -> RetrievalData:
    made = Captioned(size=16, least=1, **options)  # type: ignore[arg-type]
    return made.load(DatasetContext(root=root, cache=root.parent / "cache"))


def words(data: RetrievalData, split: str, row: int) -> set[str]:
    view = getattr(data, split).view(TEXT)
    return {word for word, there in zip(view.vocabulary or (), view.inputs([row])[0].tolist(), strict=True) if there}


class TestCaptioned(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Captioned(size=16, least=1)

    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        table(tmp_path / "root")
        return DatasetContext(root=tmp_path / "root", cache=tmp_path / "cache")

    @pytest.fixture
    def spec(self) -> DatasetSpec:
        return next(spec for spec in datasets() if spec.name == "captioned")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_the_same_items(layout: str, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path / "root")
    data = load(tmp_path / "root")
    assert set(data.classes) == {"dog", "ball"}
    assert [Path(one).stem for one in data.query.ids] == ["4", "5"] or layout == "beside"
    assert {Path(one).stem for one in data.database.ids} == set("0123")
    assert data.train.ids == data.database.ids
    for split in ("query", "database"):
        items = getattr(data, split)
        for row, name in enumerate(items.ids):
            _, captions, label, _ = ITEMS[int(Path(name).stem)]
            assert [data.classes[column] for column in items.labels[row].nonzero().flatten()] == [label]
            known = {"ball", "brown", "dog", "red", "rolls", "runs", "sleeps"}
            assert words(data, split, row) == known & set(" ".join(captions).split())
    assert data.query.images.read([0, 1]).shape == (2, 3, 16, 16)


def test_tokens_have_no_labels_but_words(tmp_path: Path) -> None:
    """As Flickr8k is distributed: labels are frequent words, or there is an error that says so."""
    tokens(tmp_path / "root")
    with pytest.raises(DatasetError, match="captions without labels") as caught:
        load(tmp_path / "root")
    assert "captioned.concepts=24" in str(caught.value.hint)
    data = load(tmp_path / "root", concepts=2)
    assert data.classes == ("ball", "dog")
    assert data.query.labels.tolist() == [[0, 1], [1, 0]]
    assert [Path(one).stem for one in data.train.ids] == list("0123")


def test_captions_can_be_fewer(tmp_path: Path) -> None:
    table(tmp_path / "root")
    assert words(load(tmp_path / "root", captions=1), "train", 3) == {"ball", "rolls"}


def test_splits_are_drawn_where_there_are_none(tmp_path: Path) -> None:
    """By path and seed alone, whatever the order of the lines."""
    root = tmp_path / "root"
    images(root)
    lines = [f"{number}.jpg,{captions[0]},{label}" for number, captions, label, _ in ITEMS]
    found = []
    for ordered in (lines, lines[::-1]):
        write(root, "captions.txt", "\n".join(["image,caption,labels", *ordered]))
        data = load(root, query_share=0.34)
        assert len(data.query) == 2
        assert not set(data.query.ids) & set(data.database.ids)
        found.append(set(data.query.ids))
    assert found[0] == found[1]
    assert any(set(load(root, query_share=0.34, seed=seed).query.ids) != found[0] for seed in range(1, 6))


@pytest.mark.parametrize(
    ("layout", "name", "content", "told"),
    [
        ("table", "captions.csv", "picture,caption\n1.jpg,a dog\n", "captions.csv:1: the columns are picture, caption"),
        ("table", "captions.csv", "image,caption\n1.jpg,a dog, a ball\n", ":2: 3 cells, not 2"),
        ("table", "captions.csv", "", ":1: the columns are none"),
        ("table", "captions.csv", "image,caption,split\n1.jpg,a,tset\n", "1.jpg is in split 'tset'"),
        ("table", "captions.csv", "image,caption,split\n1.jpg,a,test\n2.jpg,b,\n", "2.jpg is in no split"),
        ("table", "captions.csv", "image,caption,split,labels\n1.jpg,a,test,x\n", "has no database items"),
        ("table", "captions.csv", "image,caption,split,labels\n1.jpg,dog,test,\n2.jpg,dog,train,\n", "no item has a"),
        ("table", "captions.csv", "image,caption,labels\n../1.jpg,dog,a\n2.jpg,dog,a\n", "leaves the folder"),
        ("table", "captions.csv", b"\xff\xfe", "cannot read"),
        ("coco", "annotations/captions_val2017.json", '{"images": [{"id": 1}]}', r"images\[0\]|images.*file_name"),
        ("coco", "annotations/captions_val2017.json", "[" * 100_000, "cannot read"),
        ("coco", "annotations/instances_val2017.json", UNKNOWN, "no category 5"),
        ("karpathy", "dataset_coco.json", "{}", "cannot read .*dataset_coco.json"),
        ("tokens", "Flickr8k.token.txt", "1.jpg a dog", r"token.txt:1: '1.jpg a dog' is no caption"),
        ("beside", "train/dog/lonely.jpg", jpeg(7), "1 of 7 images .* have no text beside them, such as train/dog/lo"),
        ("beside", "7.jpg", jpeg(7), "have no text beside them"),
    ],
)  # fmt: skip
def test_other_files_are_told(layout: str, name: str, content: str | bytes, told: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    ({**LAYOUTS, "tokens": tokens}[layout])(root)
    write(root, name, content)
    with pytest.raises(DatasetError, match=told):
        load(root).query.images.read([0])


@pytest.mark.parametrize(
    "make", [lambda _: None, lambda root: images(root), lambda root: write(root, "a.txt", "a dog")]
)
def test_a_folder_of_another_kind_is_answered_with_a_picture(
    make: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    assert run(["data", "verify", "captioned", "--data-root", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"no captions in {tmp_path}" in said
    assert 'dogs/1.jpg,"A dog runs.",dog;grass' in said


@pytest.mark.parametrize("options", [{"captions": 0}, {"concepts": 0}, {"query_share": 1.0}, {"title": ""}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        Captioned(**options)  # type: ignore[arg-type]


def test_coco_mini_is_read_as_coco_is(tmp_path: Path) -> None:
    """Real captions and labels, in files as COCO distributes them; images by a link to their folder."""
    source = Path(os.environ.get("ROBUSTHASH_DATA", "")) / "coco_mini"
    if not os.environ.get("ROBUSTHASH_DATA") or not source.is_dir():
        pytest.skip("no real data: set ROBUSTHASH_DATA to a folder with them")
    content = json.loads((source / "labels.json").read_text())
    numbers = {name: number for number, name in enumerate(content["classes"], start=1)}
    root = tmp_path / "coco"
    root.mkdir()
    (root / "images").symlink_to(source / "images")
    for part in ("train2017", "val2017"):
        chosen = [one for one in content["images"] if one["split"] == part]
        told = [{"image_id": one["coco_id"], "caption": text} for one in chosen for text in one["captions"]]
        seen = [{"image_id": one["coco_id"], "category_id": numbers[name]} for one in chosen for name in one["labels"]]
        described = [{"id": one["coco_id"], "file_name": one["file"]} for one in chosen]
        kinds = [{"id": number, "name": name} for name, number in numbers.items()]
        write(root, f"annotations/captions_{part}.json", json.dumps({"images": described, "annotations": told}))
        write(root, f"annotations/instances_{part}.json", json.dumps({"categories": kinds, "annotations": seen}))
    data = load(root)
    captioned = [one for one in content["images"] if one["captions"]]
    assert len(data.query) + len(data.database) == len(captioned) > 300
    by_name = {f"images/{one['file']}": one for one in captioned}
    for split in (data.query, data.database):
        for row, name in enumerate(split.ids):
            labels = {data.classes[column] for column in split.labels[row].nonzero().flatten()}
            assert labels == set(by_name[name]["labels"])
    assert data.query.images.read([0, len(data.query) - 1]).shape == (2, 3, 16, 16)
