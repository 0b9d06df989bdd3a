"""Items that cannot be used, left out on request; and images that are decoded once."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import Dataset, DatasetContext, FileImages
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing import DatasetContract
from robusthash_datasets.folder import Folder
from robusthash_datasets.images.decoded import DecodedImages, DecodedStore
from robusthash_datasets.lists import Lists

SMALL: dict[str, Any] = {"size": 16, "resize": 20}
QUERY = [(f"images/q{i}.png", "1 0") for i in range(4)]
DATABASE = [(f"images/d{i}.png", "0 1") for i in range(6)]


def write(tree: Any, *, broken: bool = True) -> DatasetContext:
    tree.pictures([path for path, _ in QUERY + DATABASE])
    if broken:
        (tree.root / "images" / "q1.png").write_bytes(b"no picture")
        (tree.root / "images" / "d2.png").unlink()
    tree.pairs("test", [*QUERY[:3], (QUERY[3][0], "1 2")] if broken else QUERY)
    tree.pairs("database", DATABASE)
    tree.pairs("train", DATABASE[:4])
    return DatasetContext(root=tree.root, cache=tree.root.parent / "cache")


def test_broken_items_are_refused_unless_they_are_to_be_left_out(tree: Any) -> None:
    given = write(tree)
    with pytest.raises(DatasetError, match=r"test_label\.txt:4: label '2'"):
        Lists(**SMALL).load(given)
    data = Lists(**SMALL, skip_broken=True).load(given)
    assert data.name == "lists-part"
    assert data.query.ids == ("images/q0.png", "images/q2.png")
    assert data.query.labels.tolist() == [[1, 0], [1, 0]]
    assert data.database.ids == tuple(path for i, (path, _) in enumerate(DATABASE) if i != 2)
    assert len(data.train) == 3
    assert data.database.images.read(range(5)).shape == (5, 3, 16, 16)
    images = data.query.images
    assert isinstance(images, FileImages)
    assert Path(images.place(1)).name == "test_img.txt:3", "lines are those of the file"
    assert images.names == data.query.ids
    expected = FileImages(tree.root, ["images/q2.png"], **SMALL).read([0])
    assert torch.equal(images.read([1]), expected)


def test_what_is_left_out_is_counted(tree: Any) -> None:
    given = write(tree)
    found = verify(Lists(**SMALL), given)[0]
    assert any(finding.level == "error" for finding in found)
    found = verify(Lists(**SMALL, skip_broken=True), given)[0]
    assert {finding.level for finding in found} == {"warning"}
    whats = [(finding.where, finding.what) for finding in found]
    assert ("query", "1 left out for a bad line") in whats
    assert ("query", "1 left out for a broken image") in whats
    assert ("database", "1 left out for a broken image") in whats
    places = {Path(finding.where).name for finding in found}
    assert {"test_label.txt:4", "test_img.txt:2", "database_img.txt:3"} <= places


def test_sound_data_is_the_same_with_the_option(tree: Any) -> None:
    given = write(tree, broken=False)
    plain, careful = Lists(**SMALL).load(given), Lists(**SMALL, skip_broken=True).load(given)
    assert (careful.name, careful.digest) == (plain.name, plain.digest)


def test_a_mended_image_comes_back(tree: Any) -> None:
    given = write(tree)
    dataset = Lists(**SMALL, skip_broken=True)
    assert len(dataset.load(given).database) == 5
    tree.pictures([DATABASE[2][0]])
    assert len(dataset.load(given).database) == 6


def test_what_was_found_is_kept(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = write(tree)
    dataset = Lists(**SMALL, skip_broken=True)
    first = dataset.load(given)
    monkeypatch.setattr(FileImages, "read", lambda *_: pytest.fail("decoded again"))
    assert dataset.load(given).digest == first.digest


def test_lists_of_different_length_are_never_skipped(tree: Any) -> None:
    given = write(tree)
    with (tree.root / "train_label.txt").open("a") as file:
        file.write("0 1\n")
    with pytest.raises(DatasetError, match=r"train_label\.txt:5"):
        Lists(**SMALL, skip_broken=True).load(given)
    found = verify(Lists(**SMALL, skip_broken=True), given)[0]
    assert [Path(finding.where).name for finding in found if finding.level == "error"] == ["train_label.txt:5"]


def test_a_split_of_broken_images_is_refused(tree: Any) -> None:
    given = write(tree, broken=False)
    for path, _ in QUERY:
        (tree.root / path).write_bytes(b"")
    with pytest.raises(DatasetError, match="no image of the query split can be read"):
        Lists(**SMALL, skip_broken=True).load(given)


def test_a_folder_may_leave_out_broken_pictures(tree: Any) -> None:
    tree.pictures([f"{split}/cat/{i}.png" for split in ("query", "database") for i in range(3)])
    (tree.root / "query" / "cat" / "1.png").write_bytes(b"")
    given = DatasetContext(root=tree.root, cache=tree.root.parent / "cache")
    data = Folder(**SMALL, skip_broken=True).load(given)
    assert (data.name, data.query.ids) == ("folder-part", ("query/cat/0.png", "query/cat/2.png"))
    assert any("left out" in finding.what for finding in verify(Folder(**SMALL, skip_broken=True), given)[0])


def test_grey_and_cmyk_become_rgb(tree: Any) -> None:
    given = write(tree, broken=False)
    grey = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    Image.fromarray(grey).save(tree.root / QUERY[0][0])
    cmyk = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    cmyk.save(tree.root / QUERY[1][0], format="TIFF")
    first, second = Lists(**SMALL).load(given).query.images.read([0, 1])
    assert torch.equal(first, torch.from_numpy(grey[2:18, 2:18]).expand(3, 16, 16))
    assert torch.equal(second, torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None].expand(3, 16, 16))


# Decoded once


class TestDecoded(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Lists(**SMALL, decoded="all")

    @pytest.fixture
    def context(self, tree: Any) -> DatasetContext:
        return write(tree, broken=False)


def test_decoded_images_are_the_same_and_read_no_file(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = write(tree, broken=False)
    plain = Lists(**SMALL).load(given)
    expected = plain.database.images.read(range(6))
    Lists(**SMALL, decoded="all").load(given)
    monkeypatch.setattr(FileImages, "_load", lambda *_: pytest.fail("decoded again"))
    data = Lists(**SMALL, decoded="all").load(given)
    assert torch.equal(data.database.images.read([5, 0, 3]), expected[[5, 0, 3]])
    assert torch.equal(data.train.images.read(range(4)), expected[:4])
    assert (data.name, data.digest) == (plain.name, plain.digest)


def test_only_the_splits_asked_for_are_decoded(tree: Any) -> None:
    data = Lists(**SMALL, decoded="query-train").load(write(tree, broken=False))
    assert isinstance(data.query.images, DecodedImages)
    assert isinstance(data.train.images, DecodedImages)
    assert isinstance(data.database.images, FileImages)


@pytest.mark.parametrize("reopen", [False, True])
def test_a_changed_image_is_never_read_old(tree: Any, reopen: bool) -> None:
    given = write(tree, broken=False)
    dataset = Lists(**SMALL, decoded="all")
    data = dataset.load(given)
    before = data.query.images.read(range(4))
    path = tree.root / QUERY[2][0]
    changed = np.full((20, 20, 3), 9, dtype=np.uint8)
    Image.fromarray(changed).save(path)
    images = (dataset.load(given) if reopen else data).query.images
    after = images.read(range(4))
    assert int(after[2].min()) == int(after[2].max()) == 9
    assert torch.equal(after[[0, 1, 3]], before[[0, 1, 3]])


def test_the_same_length_at_another_time_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    for value, time in ((1, 1_000_000_000), (2, 2_000_000_000)):
        Image.new("RGB", (20, 20), (value,) * 3).save(path)
        os.utime(path, ns=(time, time))
        files = FileImages(tmp_path, ["a.bmp"], size=16)
        store = DecodedStore([files], tmp_path / "cache")
        assert store.fill(lambda *_: None) == 1
        assert int(DecodedImages(files, store).read([0]).max()) == value


def test_a_broken_image_is_an_error_when_it_is_read_and_not_before(tree: Any) -> None:
    given = write(tree, broken=False)
    (tree.root / QUERY[1][0]).write_bytes(b"no picture")
    (tree.root / QUERY[2][0]).unlink()
    data = Lists(**SMALL, decoded="all").load(given)
    assert data.query.images.read([0, 3]).shape == (2, 3, 16, 16)
    for position, line in ((1, "2: cannot read"), (2, "3: no image")):
        with pytest.raises(DatasetError, match=rf"test_img\.txt:{line}"):
            data.query.images.read([0, position])
    kept = Lists(**SMALL, decoded="all", skip_broken=True).load(given)
    assert len(kept.query.images.read(range(2))) == 2


@pytest.mark.slow
def test_processes_decode_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robusthash_datasets.images.decoded._CHUNK", 3)
    monkeypatch.setattr("robusthash_datasets.images.decoded._FEW", 0)
    for seed in range(7):
        pixels = np.random.default_rng(seed).integers(0, 256, (18, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
    files = FileImages(tmp_path, [f"{seed}.png" for seed in range(7)], size=16)
    told: list[tuple[int, int]] = []
    store = DecodedStore([files, files.take([2, 3])], tmp_path / "cache")
    assert store.fill(lambda done, total, _: told.append((done, total)), workers=2) == 7
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert store.fill(lambda *_: None, workers=2) == 0
    found, images = store.read(files.names)
    assert all(found)
    assert torch.equal(images, files.read(range(7)))


def test_nothing_that_can_be_read_is_still_a_store(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    files = FileImages(tmp_path, ["a.png", "gone.png"], size=16)
    store = DecodedStore([files], tmp_path / "cache")
    assert store.fill(lambda *_: None) == 0
    assert store.read(files.names)[0] == [False, False]


def test_a_full_disk_is_told_before_anything_is_written(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = write(tree, broken=False)
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("robusthash_datasets.images.room.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DatasetError, match="GiB are needed") as caught:
        Lists(**SMALL, decoded="all").load(given)
    assert "decoded" in str(caught.value.hint)
    assert not list((tree.root.parent / "cache" / "decoded").glob("*.images"))
