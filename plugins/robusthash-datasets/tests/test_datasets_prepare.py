"""Original distributions to lists: what is read, how splits are drawn, and what is written beside them."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.contracts import DatasetContext
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash_datasets.drawing.recipes import AtRandom, Greedy, HeldOut, PerClass, Recipe
from robusthash_datasets.literature import Flickr25kRnm, MsCocoHashNet, Voc2012
from robusthash_datasets.originals import Annotated, Original
from robusthash_datasets.originals.coco import Coco
from robusthash_datasets.originals.imagenet import ImageNet
from robusthash_datasets.originals.mirflickr import MirFlickr
from robusthash_datasets.originals.nuswide import NusWide
from robusthash_datasets.originals.voc import Voc


def text(file: Path, *lines: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


# What is read of each original


def test_mirflickr_columns_are_in_the_order_of_the_names(tmp_path: Path) -> None:
    home = tmp_path / "mirflickr25k_annotations_v080"
    for name, numbers in {"sky": (1, 3), "sky_r1": (3,), "baby": (2,), "README": ()}.items():
        text(home / f"{name}.txt", *numbers)
    both = MirFlickr(images=4).read(tmp_path)
    assert both.classes == ("baby", "sky", "sky_r1")
    assert both.paths == ("im1.jpg", "im2.jpg", "im3.jpg", "im4.jpg")
    assert both.labels.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]]
    wide = MirFlickr(images=4, narrow=False).read(home)
    assert wide.classes == ("baby", "sky")
    assert wide.labels.tolist() == both.labels[:, :2].tolist()
    text(home / "sky.txt", 1, 5)
    with pytest.raises(DatasetError, match=r"sky\.txt:2: no image has the number 5"):
        MirFlickr(images=4).read(tmp_path)
    text(home / "sky.txt", 1, "two")
    with pytest.raises(DatasetError, match=r"sky\.txt:2: 'two' is not a number"):
        MirFlickr(images=4).read(tmp_path)


def test_mirflickr_images_without_a_common_tag_are_left_out(tmp_path: Path) -> None:
    text(tmp_path / "annotations" / "sky.txt", 4)
    for number, tags in enumerate((("sea", "me"), ("sea",), (), ("you",)), start=1):
        text(tmp_path / "mirflickr" / "meta" / "tags" / f"tags{number}.txt", *tags)
    assert MirFlickr(images=4, common_tags=2).read(tmp_path).paths == ("im1.jpg", "im2.jpg")
    assert MirFlickr(images=4, common_tags=1).read(tmp_path).labels.tolist() == [[0], [0], [1]]


@pytest.fixture
def nus(tmp_path: Path) -> Path:
    text(tmp_path / "ImageList" / "Imagelist.txt", *(rf"word\000{i}_{i}.jpg" for i in range(5)))
    columns = {"sky": "11100", "book": "00010", "sea": "01100", "tree": "10010"}
    for name, column in columns.items():
        text(tmp_path / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt", *column)
    return tmp_path


def test_nus_wide_keeps_its_most_frequent_concepts(nus: Path) -> None:
    frequent = NusWide(most=2).read(nus)
    assert frequent.classes == ("sea", "sky")
    assert frequent.paths == ("0000_0.jpg", "0001_1.jpg", "0002_2.jpg"), "those that have one of them"
    assert frequent.labels.tolist() == [[0, 1], [1, 1], [1, 1]]
    assert len(NusWide().read(nus).paths) == 4
    assert NusWide(unlabelled=True).read(nus).labels.sum(0).tolist() == [1, 2, 3, 2]


def test_a_bad_nus_wide_is_named(nus: Path) -> None:
    labels = nus / "Groundtruth" / "AllLabels" / "Labels_sky.txt"
    text(labels, *"1112")
    with pytest.raises(DatasetError, match=r"Labels_sky\.txt has 4 lines for 5 images"):
        NusWide().read(nus)
    text(labels, *"11120")
    with pytest.raises(DatasetError, match=r"Labels_sky\.txt:4: 2 is neither"):
        NusWide().read(nus)
    text(nus / "ImageList" / "Imagelist.txt", "a/1.jpg", "b/2.jpg", "c/1.jpg")
    with pytest.raises(DatasetError, match=r"Imagelist\.txt:3: 1\.jpg is a duplicate"):
        NusWide().read(nus)


def test_coco_keeps_images_with_a_category(tmp_path: Path) -> None:
    categories = [{"id": 7, "name": "train"}, {"id": 2, "name": "bicycle"}]
    for part, owned in {"train2014": [(1, 7), (1, 7), (1, 2)], "val2014": [(1, 2)]}.items():
        images = [{"id": i, "file_name": f"COCO_{part}_{i}.jpg"} for i in (1, 2)]
        notes = [{"image_id": image, "category_id": category} for image, category in owned]
        content = {"images": images, "categories": categories, "annotations": notes}
        text(tmp_path / "annotations" / f"instances_{part}.json", json.dumps(content))
    read = Coco().read(tmp_path)
    assert read.paths == ("train2014/COCO_train2014_1.jpg", "val2014/COCO_val2014_1.jpg")
    assert read.classes == ("bicycle", "train")
    assert read.labels.tolist() == [[1, 1], [1, 0]]
    text(tmp_path / "annotations" / "instances_val2014.json", "[]")
    with pytest.raises(DatasetError, match=r"instances_val2014\.json is not in COCO's format"):
        Coco().read(tmp_path)


def write_voc(root: Path, count: int) -> None:
    main = root / "VOCdevkit" / "VOC2012" / "ImageSets" / "Main"
    names = [f"2008_{i:06d}" for i in range(count)]
    text(main / "trainval.txt", *names)
    text(main / "train.txt", *names[:2])
    for column, label in enumerate(("cat", "dog")):
        text(
            main / f"{label}_trainval.txt",
            *(f"{name} {1 if i % 2 == column else -1:2d}" for i, name in enumerate(names)),
        )
        text(main / f"{label}_train.txt", *(f"{name}  1" for name in names[:2]))


def test_voc_does_not_count_difficult_instances(tmp_path: Path) -> None:
    write_voc(tmp_path, 3)
    main = tmp_path / "VOCdevkit" / "VOC2012" / "ImageSets" / "Main"
    text(main / "dog_trainval.txt", "2008_000000 -1", "2008_000001  0", "2008_000002  1")
    for place in (tmp_path, tmp_path / "VOCdevkit", tmp_path / "VOCdevkit" / "VOC2012"):
        read = Voc().read(place)
        assert read.classes == ("cat", "dog")
        assert read.labels.tolist() == [[1, 0], [0, 0], [1, 1]]
        assert read.paths[0] == "VOCdevkit/VOC2012/JPEGImages/2008_000000.jpg"
    text(main / "dog_trainval.txt", "2008_000009  1")
    with pytest.raises(DatasetError, match=r"dog_trainval\.txt:1"):
        Voc().read(tmp_path)


def test_imagenet_queries_are_the_validation_images(tmp_path: Path) -> None:
    for name in ("n01", "n02", "n03"):
        for i in range(3):
            text(tmp_path / "train" / name / f"{name}_{i}.JPEG")
        text(tmp_path / "val" / name / f"ILSVRC2012_val_{name}.JPEG")
    with pytest.raises(DatasetError, match="3 classes in"):
        ImageNet(classes=2).read(tmp_path)
    text(tmp_path / "classes.txt", "n03", "n01")
    read = ImageNet(classes=2).read(tmp_path)
    assert read.classes == ("n01", "n03")
    assert [read.paths[row] for row in sorted(read.held_out)] == [
        "val/n01/ILSVRC2012_val_n01.JPEG",
        "val/n03/ILSVRC2012_val_n03.JPEG",
    ]
    drawn = HeldOut(train=2).draw(read, 0)
    assert set(drawn.query) == read.held_out
    assert set(drawn.train) < set(drawn.database)
    assert read.labels[list(drawn.train)].sum(0).tolist() == [2, 2]
    assert len(drawn.database) == 6


@pytest.mark.parametrize(
    "original", [MirFlickr(), NusWide(), Coco(), Voc(), ImageNet()], ids=lambda o: type(o).__name__
)
def test_an_empty_source_is_named(original: Original, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=str(tmp_path)) as caught:
        original.read(tmp_path)
    assert caught.value.hint


# How splits are drawn


def annotated(count: int = 400, classes: int = 4) -> Annotated:
    labels = (np.random.default_rng(3).random((count, classes)) < [0.6, 0.4, 0.3, 0.2]).astype(np.uint8)
    labels[:, 0] |= ~labels.any(1)
    return Annotated(paths=tuple(f"{i}.jpg" for i in range(count)), labels=labels, classes=tuple("abcd"))


RECIPES = (
    (AtRandom(queries=30, train=50), (30, 370, 50), True),
    (AtRandom(queries=30, train=50, disjoint=True), (30, 320, 50), False),
    (AtRandom(queries=30, train=None), (30, 370, 370), True),
    (PerClass(queries=5, train=12), (20, 380, 48), True),
    (Greedy(queries=5, train=12), (20, 380, 48), True),
)


@pytest.mark.parametrize(("recipe", "counts", "inside"), RECIPES, ids=lambda value: getattr(value, "words", ""))
def test_a_draw_is_as_the_recipe_says(recipe: Recipe, counts: tuple[int, ...], inside: bool) -> None:
    data = annotated()
    drawn = recipe.draw(data, 0)
    query, database, train = set(drawn.query), set(drawn.database), set(drawn.train)
    assert (
        (len(drawn.query), len(drawn.database), len(drawn.train)) == counts == (len(query), len(database), len(train))
    )
    assert not query & (database | train)
    assert (train <= database) == inside
    assert query | database | train == set(range(400))
    assert recipe.draw(data, 0) == drawn
    assert recipe.draw(data, 1) != drawn


def test_per_class_quotas_are_met_by_classes_of_their_own() -> None:
    # Only the last 20 images have the rare class: none may be taken for the common one before it has its share.
    labels = np.array([[1, 0]] * 40 + [[1, 1]] * 20, dtype=np.uint8)
    data = Annotated(paths=tuple(map(str, range(60))), labels=labels, classes=("common", "rare"))
    drawn = PerClass(queries=5, train=15).draw(data, 0)
    assert labels[list(drawn.query)].sum(0).tolist() == [10, 5]
    assert labels[list(drawn.train)].sum(0).tolist() == [30, 15]


def test_the_greedy_walk_is_that_of_the_reference() -> None:
    data = annotated()
    drawn = Greedy(queries=5, train=12).draw(data, 0)
    # A slow, obvious walk in the order that the draw has used must come to the same splits.
    from robusthash_datasets.drawing.draws import shuffled

    train_left, query_left = [12] * 4, [5] * 4
    train, query = set(), set()
    for row in shuffled(range(400), "robusthash greedy 1/0"):
        labels = [label for label in range(4) if data.labels[row, label]]
        for label in labels:
            if train_left[label] > 0:
                train_left[label] -= 1
                train.add(row)
                break
        else:
            for label in labels:
                if query_left[label] > 0:
                    query_left[label] -= 1
                    query.add(row)
                    break
    assert (set(drawn.train), set(drawn.query)) == (train, query)


def test_too_few_images_are_refused() -> None:
    with pytest.raises(DatasetError, match="400 images are too few"):
        AtRandom(queries=300, train=200).draw(annotated(), 0)
    for recipe in (PerClass(queries=50, train=90), Greedy(queries=50, train=90)):
        with pytest.raises(DatasetError, match=r"class '[cd]'"):
            recipe.draw(annotated(), 0)


# What is written


@dataclass(frozen=True, kw_only=True)
class TinyVoc(Voc2012):
    """VOC 2012 with splits that fit a test."""

    recipe: ClassVar[Recipe | None] = AtRandom(queries=4, train=6, disjoint=True)

    size: int = 16  #: height and width of the images, in pixels


def context(root: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=root / "cache")


def test_lists_are_written_with_the_record_of_the_draw(tree: Any, tmp_path: Path) -> None:
    write_voc(tmp_path / "source", 30)
    told = TinyVoc().prepare(context(tree.root), tmp_path / "source")
    first = tree.root / "voc2012" / "VOCdevkit" / "VOC2012" / "JPEGImages" / "2008_000000.jpg"
    assert told is not None
    assert f"the first as {first}" in told
    tree.pictures([str(first.parent / f"2008_{i:06d}.jpg") for i in range(30)])
    assert "put the images" not in str(TinyVoc().prepare(context(tree.root), tmp_path / "source"))

    data = TinyVoc().load(context(tree.root))
    assert data.name == "voc2012-drawn", "the released lists are others"
    assert data.classes == ("cat", "dog")
    assert (len(data.query), len(data.database), len(data.train)) == (4, 20, 6)
    for split in (data.query, data.database, data.train):
        assert split.images.read([0]).shape == (1, 3, 16, 16)
        for name, row in zip(split.ids, split.labels.tolist(), strict=True):
            assert row == [1 - int(name[-5]) % 2, int(name[-5]) % 2]

    record = json.loads((tree.root / "voc2012" / "drawn.json").read_text())
    assert record["seed"] == 0
    assert record["counts"] == {"query": 4, "database": 20, "train": 6}
    assert len(record["sha256"]) == 6
    for name, digest in record["sha256"].items():
        assert hashlib.sha256((tree.root / "voc2012" / name).read_bytes()).hexdigest() == digest
    whats = [finding.what for finding in verify(TinyVoc(), context(tree.root))[0]]
    assert any("drawn here with seed 0" in what for what in whats)
    assert not any("SHA-256" in what for what in whats)


def test_another_seed_is_another_draw_and_has_to_be_asked_for(tree: Any, tmp_path: Path) -> None:
    write_voc(tmp_path / "source", 30)
    TinyVoc(seed=1).prepare(context(tree.root), tmp_path / "source")
    digest = TinyVoc(seed=1).load(context(tree.root)).digest
    with pytest.raises(DatasetError, match="seed 1, not 0") as caught:
        TinyVoc().load(context(tree.root))
    assert "-o voc2012.seed=1" in str(caught.value.hint)
    assert any("not 0" in finding.what for finding in verify(TinyVoc(), context(tree.root))[0])
    TinyVoc(seed=0).prepare(context(tree.root), tmp_path / "source")
    assert TinyVoc().load(context(tree.root)).digest != digest


def test_changed_lists_are_found_and_others_are_not_overwritten(tree: Any, tmp_path: Path) -> None:
    write_voc(tmp_path / "source", 30)
    TinyVoc().prepare(context(tree.root), tmp_path / "source")
    listed = tree.root / "voc2012" / "test_label.txt"
    listed.write_text(listed.read_text().replace("1 0", "1 1"))
    errors = [finding.what for finding in verify(TinyVoc(), context(tree.root))[0] if finding.level == "error"]
    assert any(error.startswith("test_label.txt was changed after the draw") for error in errors)
    with pytest.raises(DatasetError, match=r"test_label\.txt already exists"):
        TinyVoc().prepare(context(tree.root), tmp_path / "source")

    (tree.root / "voc2012" / "drawn.json").unlink()
    before = listed.read_bytes()
    with pytest.raises(DatasetError, match="already exists"):
        TinyVoc().prepare(context(tree.root), tmp_path / "source")
    assert listed.read_bytes() == before
    assert TinyVoc().load(context(tree.root)).name == "voc2012"
    (tree.root / "voc2012" / "drawn.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"drawn\.json is damaged"):
        TinyVoc().load(context(tree.root))


def test_a_protocol_without_a_recipe_is_fetched_by_hand(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="by hand") as caught:
        MsCocoHashNet().prepare(context(tmp_path), tmp_path)
    assert "HashNet" in str(caught.value.hint)
    with pytest.raises(DatasetError, match="the folder for the lists is not known"):
        Flickr25kRnm().prepare(replace(context(tmp_path), root=None), tmp_path)


def test_the_command_draws_the_splits_of_rnm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    numbers = np.random.default_rng(0).integers(0, 38, 25_000)
    for column in range(38):
        rows = (np.flatnonzero(numbers == column) + 1).tolist()
        text(source / "mirflickr25k_annotations_v080" / f"label{column:02d}.txt", *rows)
    arguments = ["data", "prepare", "flickr25k/rnm", "--source", str(source), "--data-root", str(root), "--quiet"]
    assert run(arguments) == 0
    told = capsys.readouterr().out
    assert told.startswith("flickr25k/rnm: lists drawn with seed 0 are in ")
    assert "put the images in place" in told
    data = Flickr25kRnm().load(context(root))
    assert data.name == "flickr25k/rnm", "there are no other lists of it"
    assert (len(data.query), len(data.database), len(data.train), len(data.classes)) == (500, 24500, 24500, 38)
    assert data.train.ids == data.database.ids
    assert not set(data.query.ids) & set(data.database.ids)
    position = int(data.query.ids[7].removeprefix("im").removesuffix(".jpg")) - 1
    assert int(data.query.labels[7].argmax()) == numbers[position]
    assert run([*arguments, "-o", "flickr25k/rnm.seed=1"]) == 0
    assert run(["data", "verify", "flickr25k/rnm", "--data-root", str(root), "--quiet", "--json"]) == 2
