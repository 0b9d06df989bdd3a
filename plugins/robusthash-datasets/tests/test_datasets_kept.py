"""Decoded images that are kept as they are read: the same pixels, never old ones, whatever happens meanwhile."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import DatasetContext, FileImages
from robusthash.errors import RobustHashNote
from robusthash_datasets.folder import Folder
from robusthash_datasets.images import keeping, room
from robusthash_datasets.images.decoded import DecodedImages, DecodedStore

COUNT = 12


@pytest.fixture
def context(tree: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetContext:
    """A folder that is large enough, and was not changed a moment ago."""
    monkeypatch.setattr(keeping, "_LEAST", COUNT)
    tree.pictures([f"{name}/{i}.png" for name in "abc" for i in range(COUNT // 3)])
    monkeypatch.setattr("robusthash.files.contents._SETTLED", 0.0)
    return DatasetContext(root=tree.root, cache=tmp_path / "cache")


def folder(**options: Any) -> Folder:
    return Folder(size=16, query_share=0.25, **options)


def files(context: DatasetContext) -> FileImages:
    assert context.root is not None
    names = sorted(path.relative_to(context.root).as_posix() for path in context.root.rglob("*.png"))
    return FileImages(context.root, names, size=16)


def test_what_is_read_twice_is_decoded_once(context: DatasetContext, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = folder(decoded="none").load(context)
    with pytest.warns(RobustHashNote, match=r"are kept in .*decoded/kept .*decoded=none keeps none"):
        data = folder().load(context)
    assert data.digest == plain.digest
    expected = plain.database.images.read(range(len(plain.database)))
    assert torch.equal(data.database.images.read(range(len(data.database))), expected)
    monkeypatch.setattr(FileImages, "_load", lambda *_: pytest.fail("decoded again"))
    for again in (data, folder().load(context)):  # another run of it is told nothing
        assert torch.equal(again.database.images.read(range(len(again.database))), expected)
        assert torch.equal(
            again.train.images.read([0, 1]), expected[[plain.database.ids.index(n) for n in again.train.ids[:2]]]
        )


def test_a_selection_reads_the_copies(context: DatasetContext) -> None:
    with pytest.warns(RobustHashNote):
        data = folder().load(context)
    some = data.query.take([2, 0])
    assert isinstance(some.images, DecodedImages)
    assert torch.equal(some.images.read([1]), data.query.images.read([0]))


def test_few_images_are_not_kept(context: DatasetContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_LEAST", COUNT + 1)
    assert isinstance(folder().load(context).query.images, FileImages)
    assert not context.cache.exists()


@pytest.mark.parametrize(("most", "free", "told"), [(1000, 10**9, "more than 0 MiB"), (10**9, 2000, "0 MiB are free")])
def test_more_than_there_is_room_for_is_not_kept_and_told(
    context: DatasetContext, monkeypatch: pytest.MonkeyPatch, most: int, free: int, told: str
) -> None:
    monkeypatch.setattr(room, "MOST", most)
    monkeypatch.setattr(
        "robusthash_datasets.images.room.shutil.disk_usage", lambda _: type("Usage", (), {"free": free})
    )
    with pytest.warns(RobustHashNote, match=f"12 images are decoded whenever they are read.*{told}.*decoded=all"):
        data = folder().load(context)
    assert isinstance(data.query.images, FileImages)


def test_a_cache_that_cannot_be_written_is_told(context: DatasetContext) -> None:
    context.cache.write_text("a file")
    with pytest.warns(RobustHashNote, match="12 images are decoded whenever they are read: cannot store"):
        data = folder().load(context)
    assert data.query.images.read([0]).shape == (1, 3, 16, 16)


def test_what_was_used_longest_ago_makes_way(context: DatasetContext, monkeypatch: pytest.MonkeyPatch) -> None:
    home = context.cache / keeping.FOLDER
    home.mkdir(parents=True)
    for age, name in ((300, "old"), (100, "new")):
        (home / f"{name}.images").write_bytes(b"x" * 40_000)
        os.utime(home / f"{name}.images", (10**9 - age,) * 2)
    asked = context.cache / "decoded" / "asked.images"
    asked.write_bytes(b"x" * 40_000)
    monkeypatch.setattr(room, "MOST", 60_000)
    with pytest.warns(RobustHashNote):
        folder().load(context)
    assert not (home / "old.images").exists()
    assert (home / "new.images").exists()
    assert asked.exists(), "nobody removes what was asked for"


def change(path: Path, value: int) -> None:
    Image.fromarray(np.full((20, 20, 3), value, dtype=np.uint8)).save(path)


def test_a_changed_file_is_never_read_old(context: DatasetContext) -> None:
    with pytest.warns(RobustHashNote):
        data = folder().load(context)
    data.query.images.read(range(3))
    assert context.root is not None
    path = context.root / data.query.ids[1]
    state = path.stat()
    change(path, 9)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as rsync sets it
    for images in (data.query.images, folder().load(context).query.images):
        assert images.read([1]).unique().tolist() == [9]


def test_a_file_that_changes_while_it_is_decoded_is_not_kept(
    context: DatasetContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = files(context)
    store = DecodedStore([own], context.cache)
    images, load = DecodedImages(own, store, keep=True), FileImages._load

    def changing(self: FileImages, index: int) -> torch.Tensor:
        found = load(self, index)
        change(self.root / self.names[index], 7)
        return found

    monkeypatch.setattr(FileImages, "_load", changing)
    assert images.read([3]).unique().numel() > 1
    monkeypatch.setattr(FileImages, "_load", load)
    assert not store.read([own.names[3]])[0][0]
    assert images.read([3]).unique().tolist() == [7]
    assert store.read([own.names[3]])[0][0]


@pytest.mark.parametrize("fault", ["half a record", "another's pixels", "a shorter file"])
def test_copies_that_do_not_match_are_decoded_again(context: DatasetContext, fault: str) -> None:
    """What a killed run, a second run, or a disk leaves."""
    own = files(context)
    store = DecodedStore([own], context.cache)
    images = DecodedImages(own, store, keep=True)
    expected = images.read(range(COUNT))
    length = store.file.stat().st_size // COUNT
    content = bytearray(store.file.read_bytes())
    if fault == "half a record":
        content[length + length // 2 : 2 * length] = bytes(length - length // 2)
    elif fault == "another's pixels":  # with the right digest: two runs wrote one image in turns
        content[length + 36 : 2 * length] = content[36:length]
    else:
        del content[length + 100 :]
    store.file.write_bytes(content)
    found, _ = store.read(own.names)
    assert not found[1]
    assert found[0]
    assert torch.equal(images.read(range(COUNT)), expected)
    assert all(store.read(own.names)[0])


def test_a_full_disk_keeps_nothing_and_reads_on(context: DatasetContext, monkeypatch: pytest.MonkeyPatch) -> None:
    own = files(context)
    images = DecodedImages(own, DecodedStore([own], context.cache), keep=True)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    assert torch.equal(images.read([0, 1]), own.read([0, 1]))


def test_copies_go_to_other_processes_without_their_pixels(context: DatasetContext) -> None:
    own = files(context)
    images = DecodedImages(own, DecodedStore([own], context.cache), keep=True)
    expected = images.read(range(COUNT))
    sent = pickle.dumps(images)
    assert len(sent) < 3 * 16 * 16 * COUNT
    assert torch.equal(pickle.loads(sent).read(range(COUNT)), expected)  # noqa: S301 - our own


def test_paths_that_leave_the_folder_are_decoded_too(tree: Any, tmp_path: Path) -> None:
    tree.pictures([f"{i}.png" for i in range(6)])
    lists = tree.root / "lists"
    lists.mkdir()
    (lists / "labels.csv").write_text("\n".join(["path,labels", *(f"../{i}.png,{'ab'[i % 2]}" for i in range(6))]))
    given = DatasetContext(root=lists, cache=tmp_path / "cache")
    read = [folder(outside=True, decoded=how).load(given).database.images.read([0, 1]) for how in ("none", "all")]
    assert torch.equal(*read)
