"""Datasets in one MATLAB file: axes, splits, slices, copies in the cache, and what is told of a file that is wrong."""

import pickle
import re
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from robusthash.cli import run
from robusthash.contracts import Dataset, DatasetContext, RetrievalData
from robusthash.errors import DatasetError, MissingDependencyError, OptionError
from robusthash.evaluation.tasks.verify import verify
from robusthash.host import PluginHost, PluginKind
from robusthash.testing import DatasetContract
from robusthash_datasets.mat import crossmodal, images
from robusthash_datasets.mat.copies import PixelCopy
from robusthash_datasets.mat.dataset import MatSet

COUNT, SIDE, CLASSES = 12, 16, 4


@dataclass(frozen=True, kw_only=True)
class Tiny(MatSet):
    """As the published ones, with fewer items."""

    known: ClassVar[Mapping[str, int]] = {"query": 3, "database": 9, "train": 5, "classes": CLASSES, "tags": 7}
    fetch: ClassVar[str] = "fetch it from nowhere"

    title: str = "tiny"
    file: Path = Path("Tiny.mat")


def content(count: int = COUNT, side: int = SIDE) -> dict[str, np.ndarray]:
    """Images (n, 3, h, w), tags and labels, a row an item."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, (count, CLASSES), dtype=np.uint8)
    labels[:, 0] |= labels.sum(1) == 0
    images = rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    return {"IAll": images, "TAll": rng.random((count, 7)), "LAll": labels}


def write73(file: Path, values: Mapping[str, np.ndarray], **how: Any) -> None:
    """Version 7.3 as MATLAB writes it: a header of 512 bytes, and what FPAD transposes by (3, 2, 0, 1) and (1, 0)."""
    h5py = pytest.importorskip("h5py", reason="needs h5py: robusthash-datasets[mat]")
    with h5py.File(file, "w", userblock_size=512) as handle:
        for key, value in values.items():
            array = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
            handle.create_dataset(key, data=array, **(how if key == "IAll" else {}))
    with file.open("r+b") as opened:
        opened.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def write5(file: Path, values: Mapping[str, np.ndarray]) -> None:
    """Version 5: MATLAB's axes are those of h5py, back to front."""
    from scipy.io import savemat

    savemat(file, {key: value.transpose(0, 1, 3, 2) if value.ndim == 4 else value for key, value in values.items()})


def context(root: Path, size: int | None = None) -> DatasetContext:
    return DatasetContext(root=root, cache=root / "cache", image_size=size)


@pytest.fixture(params=["contiguous", "pieces", "double", "version 5"])
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    values, file = content(), tmp_path / "Tiny.mat"
    if request.param == "contiguous":
        write73(file, values)
    elif request.param == "pieces":
        write73(file, values, chunks=(4, 16, 2, 5), compression="gzip")
    elif request.param == "double":
        write73(file, {key: value.astype(float) for key, value in values.items()})
    else:
        write5(file, values)
    return tmp_path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    write73(tmp_path / "Tiny.mat", content())
    return tmp_path


class TestUnpacked(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Tiny()

    @pytest.fixture
    def context(self, tiny: Path) -> DatasetContext:
        return context(tiny)


class TestBySlices(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Tiny(decoded="none")

    @pytest.fixture
    def context(self, tiny: Path) -> DatasetContext:
        return context(tiny)


def test_rows_and_axes_are_those_of_the_published_code(tiny: Path) -> None:
    values = content()
    data = Tiny().load(context(tiny))
    for split, rows in ((data.query, slice(0, 3)), (data.train, slice(3, 8)), (data.database, slice(3, 12))):
        assert torch.equal(split.images.read(range(len(split))), torch.from_numpy(values["IAll"][rows]))
        assert torch.equal(split.labels, torch.from_numpy(values["LAll"][rows]))
        assert split.ids == tuple(f"{row:06d}" for row in range(COUNT)[rows])


def test_pixels_and_digests_do_not_depend_on_what_is_unpacked(tiny: Path) -> None:
    loaded = {}
    for decoded in ("none", "query-train", "all"):
        data = Tiny(decoded=decoded).load(replace(context(tiny), cache=tiny / decoded))
        loaded[decoded] = data.digest, data.database.images.read([8, 0, 0, 5])
        assert sum(1 for _ in (tiny / decoded).rglob("*.pixels")) == (0 if decoded == "none" else 1)
    assert len({digest for digest, _ in loaded.values()}) == 1
    assert all(torch.equal(pixels, loaded["none"][1]) for _, pixels in loaded.values())


def test_other_axes_are_an_option(plain: Path) -> None:
    swapped = content() | {"IAll": content()["IAll"].transpose(0, 1, 3, 2)}
    data = Tiny(axes=(3, 2, 1, 0)).load(context(plain))
    assert torch.equal(data.query.images.read([1])[0], torch.from_numpy(swapped["IAll"][1].copy()))
    assert data.digest != Tiny().load(context(plain)).digest
    with pytest.raises(
        DatasetError, match=r"IAll is \(16, 16, 3, 12\), so that axes \(0, 1, 2, 3\) give 16 images of 16"
    ):
        Tiny(axes=(0, 1, 2, 3)).load(context(plain))
    with pytest.raises(OptionError, match="axes=3,2,0,0"):
        Tiny(axes=(3, 2, 0, 0))


def test_another_picture_is_other_data(plain: Path) -> None:
    before = Tiny().load(context(plain))
    values = content()
    values["IAll"][1] = 255 - values["IAll"][1]
    write73(plain / "Tiny.mat", values)
    after = Tiny().load(context(plain))
    assert after.query.digest != before.query.digest
    assert after.train.digest != before.train.digest, "it is another file"
    assert torch.equal(after.query.images.read([1])[0], torch.from_numpy(values["IAll"][1])), "the old copy is not read"
    with pytest.raises(DatasetError, match=r"Tiny\.mat has changed since it was opened"):
        before.query.images.read([0])


def test_an_interrupted_copy_goes_on(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_BLOCK", 2 * 3 * SIDE * SIDE)
    dataset, given = Tiny(), context(plain)
    stack = dataset._stack(given)
    assert PixelCopy(stack, given.cache).fill(4, lambda *_: None) == 4
    read: list[range] = []
    original = images.Stack.read
    monkeypatch.setattr(images.Stack, "read", lambda self, rows: (read.append(rows), original(self, rows))[1])
    data = dataset.load(given)
    assert read == [range(first, first + 2) for first in range(4, 12, 2)]
    dataset.load(given)
    assert len(read) == 4, "nothing is copied twice"
    assert torch.equal(data.database.images.read(range(9)), torch.from_numpy(content()["IAll"][3:]))


def test_a_copy_that_is_cut_off_is_made_again(plain: Path) -> None:
    Tiny().load(context(plain))
    kept = next((plain / "cache").rglob("*.pixels"))
    kept.write_bytes(kept.read_bytes()[:1000])
    again = Tiny().load(context(plain))
    assert torch.equal(again.query.images.read([2])[0], torch.from_numpy(content()["IAll"][2]))


def test_a_full_disk_is_told_before_anything_is_written(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("robusthash_datasets.images.room.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DatasetError, match=r"cannot store images in .*GiB are needed") as caught:
        Tiny().load(context(plain))
    assert "decoded" in str(caught.value.hint)
    assert len(Tiny(decoded="none").load(context(plain)).database) == 9


@pytest.mark.parametrize("decoded", ["none", "all"])
def test_a_large_file_does_not_go_to_memory(tmp_path: Path, decoded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count, side = 600, 64
    write73(tmp_path / "Tiny.mat", content(count, side))
    monkeypatch.setattr(images, "_BLOCK", 20 * 3 * side * side)
    monkeypatch.setattr(images, "_BAND", 3 * side * side)

    @dataclass(frozen=True, kw_only=True)
    class Larger(Tiny):
        known: ClassVar[Mapping[str, int]] = {**Tiny.known, "database": count - 3}

    tracemalloc.start()
    try:
        data = Larger(decoded=decoded).load(context(tmp_path))  # type: ignore[arg-type]
        data.database.images.read(range(0, 590, 73))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < count * 3 * side * side / 4


@pytest.mark.skipif(sys.platform != "linux", reason="reads the parser's memory in /proc")
def test_a_file_of_twenty_gigabytes_is_opened_in_little_memory(tmp_path: Path) -> None:
    """Its chunks are not written, so that it takes no space; whoever read it whole would need all of them.

    Of the texts a copy is made in the cache, a block at a time.
    """
    h5py = pytest.importorskip("h5py")
    count, side = 140_000, 224
    file = tmp_path / "Tiny.mat"
    with h5py.File(file, "w", userblock_size=512) as handle:
        handle.create_dataset("IAll", shape=(side, side, 3, count), dtype="u1", chunks=(side, side, 3, 16))
        handle.create_dataset("TAll", shape=(7, count), dtype="f8", chunks=(7, 256))
        handle.create_dataset("LAll", shape=(CLASSES, count), dtype="u1")[0] = 1
    with file.open("r+b") as opened:
        opened.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    assert count * 3 * side**2 > 19 << 30 > file.stat().st_size << 8

    @dataclass(frozen=True, kw_only=True)
    class Larger(Tiny):
        known: ClassVar[Mapping[str, int]] = {**Tiny.known, "database": count - 3}

    tracemalloc.start()
    try:
        data = Larger(decoded="none", texts=True).load(context(tmp_path))
        assert data.database.images.read([count - 4]).shape == (1, 3, side, side)
        assert not data.database.view("text").inputs([0, count - 4]).any()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    images_read = data.database.images
    assert isinstance(images_read, images.MatImages)
    parser = images_read._stack.mat._parser
    assert parser is not None
    status = Path(f"/proc/{parser._process.pid}/status").read_text(encoding="ascii")
    most = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10  # type: ignore[index]
    assert peak + most < 200 << 20


def _shard(data: RetrievalData, answers: "SimpleQueue[bytes]") -> None:
    answers.put(data.database.images.read([4, 1]).numpy().tobytes())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("decoded", ["none", "all"])
def test_images_go_to_other_processes(plain: Path, decoded: str) -> None:
    data = Tiny(decoded=decoded).load(context(plain))  # type: ignore[arg-type]
    expected = data.database.images.read([4, 1])  # the handle is open now
    assert torch.equal(pickle.loads(pickle.dumps(data)).database.images.read([4, 1]), expected)  # noqa: S301 - our own
    if sys.platform != "linux":
        return
    fork = get_context("fork")
    answers: SimpleQueue[bytes] = fork.SimpleQueue()
    children = [fork.Process(target=_shard, args=(data, answers)) for _ in range(3)]
    for child in children:
        child.start()
    assert [answers.get() for _ in children] == [expected.numpy().tobytes()] * 3
    for child in children:
        child.join()
    assert torch.equal(data.database.images.read([4, 1]), expected)


# What is wrong with a file


def _wrong() -> Iterator[tuple[str, dict[str, np.ndarray], str]]:
    values = content()
    yield "key", {key: value for key, value in values.items() if key != "LAll"}, r"it has no LAll; it has IAll, TAll"
    yield "labels", values | {"LAll": values["LAll"][:5]}, r"LAll is \(4, 5\) as read by h5py, not \(classes, 12\)"
    yield "turned", values | {"LAll": values["LAll"].T}, r"LAll is \(12, 4\) as read by h5py, not \(classes, 12\)"
    bad = values["LAll"].copy()
    bad[6, 1] = 3
    yield "values", values | {"LAll": bad}, r"LAll, row 7, column 2: 3 is neither 0 nor 1"
    yield "rank", values | {"IAll": values["IAll"][:, 0].reshape(12, -1)}, r"IAll is uint8 \(256, 12\), not numbers"
    yield (
        "grey",
        values | {"IAll": values["IAll"][:, :1]},
        r"IAll is \(16, 16, 1, 12\), so that .* 12 images of 1 channels",
    )
    yield "range", values | {"IAll": values["IAll"] / 255}, r"IAll is float64, and not all of it are whole numbers"
    yield "few", {key: value[:7] for key, value in values.items()}, r"7 items are too few: the first 3 are queries"


@pytest.mark.parametrize("version", ["7.3", "5"])
@pytest.mark.parametrize(("values", "told"), [row[1:] for row in _wrong()], ids=[row[0] for row in _wrong()])
def test_a_wrong_file_is_told_in_one_error(
    values: dict[str, np.ndarray], told: str, version: str, tmp_path: Path
) -> None:
    (write73 if version == "7.3" else write5)(tmp_path / "Tiny.mat", values)
    with pytest.raises(DatasetError, match=rf"^{tmp_path}/Tiny\.mat: {told}") as caught:
        Tiny().load(context(tmp_path))
    assert caught.value.hint == Tiny.fetch
    try:
        found = [f"{finding.where}: {finding.what}" for finding in verify(Tiny(), context(tmp_path))[0]]
    except DatasetError as error:
        found = [error.message]
    assert any(re.search(told, what) for what in found)


@pytest.mark.parametrize("length", [0, 300, 600, 5000])
@pytest.mark.parametrize("version", ["7.3", "5"])
def test_a_truncated_file_is_told(version: str, length: int, tmp_path: Path) -> None:
    file = tmp_path / "Tiny.mat"
    (write73 if version == "7.3" else write5)(file, content())
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DatasetError, match=r"Tiny\.mat: it (is truncated or damaged|is not a MATLAB file|has no IAll)"):
        Tiny().load(context(tmp_path))


def test_a_broken_piece_is_told_by_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "Tiny.mat"
    write73(file, content(), chunks=(16, 16, 3, 4), compression="gzip")
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "r") as handle:
        place = handle["IAll"].id.get_chunk_info(1)
    with file.open("r+b") as opened:
        opened.seek(place.byte_offset + 512)  # h5py leaves MATLAB's header out of its count
        opened.write(b"\xff" * 200)
    monkeypatch.setattr(images, "_BLOCK", 1)
    with pytest.raises(DatasetError, match=r"Tiny\.mat: cannot read IAll: "):
        Tiny().load(context(tmp_path))


def test_an_unreadable_run_is_a_finding(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_BLOCK", 4 * 3 * SIDE * SIDE)
    original = images.Stack.read

    def read(self: images.Stack, rows: range) -> np.ndarray:
        if rows.start == 4:
            raise self.mat.error("cannot read IAll: a disk died")
        return original(self, rows)

    monkeypatch.setattr(images.Stack, "read", read)
    found = verify(Tiny(), context(plain))[0]
    assert [(finding.level, finding.what) for finding in found] == [
        ("error", "rows 4 to 7: cannot read IAll: a disk died")
    ]
    assert found[0].where == str(plain / "Tiny.mat")


@dataclass(frozen=True, kw_only=True)
class Described(Tiny):
    """With texts of features in [0, 1]."""

    described: ClassVar[Any] = "features"

    texts: bool = True


class TestTexts(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return Described()

    @pytest.fixture
    def context(self, tiny: Path) -> DatasetContext:
        return context(tiny)


def test_texts_are_the_rows_of_the_file(tiny: Path) -> None:
    """From the copy in the cache, and without one; they leave the images' digest of a set without texts alone."""
    data = Described().load(context(tiny))
    tags = torch.from_numpy(content()["TAll"]).float()
    view = data.database.view("text")
    assert torch.equal(view.inputs(range(9)), tags[3:])
    assert torch.equal(view.take([4, 0]).inputs([0, 1]), tags[[7, 3]])
    assert torch.equal(pickle.loads(pickle.dumps(view)).inputs([8]), tags[[11]])  # noqa: S301 - just made
    for copy in (tiny / "cache" / "datasets").glob("texts-*.npy"):
        copy.unlink()
    assert torch.equal(view.inputs([8, 2]), tags[[11, 5]])
    assert view.inputs([]).shape == (0, 7)
    assert Tiny().load(context(tiny)).digest != data.digest


@pytest.mark.parametrize(
    ("described", "change", "told"),
    [
        ("tags", {}, r"TAll of item 0, column 0: 0\.\d+ is neither 0 nor 1"),
        ("features", {"TAll": np.full((COUNT, 7), 1.5)}, r"TAll of item 0, column 0: 1\.5 is outside \[0, 1\]"),
        ("signed features", {"TAll": np.full((COUNT, 7), np.nan)}, r"nan is outside \[-1, 1\]"),
        ("features", {"TAll": np.ones((COUNT - 1, 7))}, "TAll has 11 items, IAll 12"),
        ("features", {"TAll": None}, "it has no TAll"),
    ],
)
def test_texts_of_another_kind_are_refused(
    described: str, change: dict[str, np.ndarray | None], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {key: value for key, value in (content() | change).items() if value is not None}
    write73(tmp_path / "Tiny.mat", values)
    monkeypatch.setattr(Described, "described", described)
    with pytest.raises(DatasetError, match=told):
        Described().load(context(tmp_path))
    assert not list((tmp_path / "cache").rglob("texts-*"))


def test_published_counts_and_tags_are_compared(tmp_path: Path) -> None:
    values = content(10)
    values["LAll"] = np.hstack([values["LAll"], values["LAll"][:, :1]])
    values["LAll"][1] = 0
    values["TAll"] = values["TAll"][:, :5]
    write73(tmp_path / "Tiny.mat", values)
    found = [(finding.level, finding.what) for finding in Tiny().verify(context(tmp_path))]
    assert found == [
        ("error", "7 database items, published: 9"),
        ("error", "5 classes, published: 4"),
        ("error", "5 columns of tags, published: 7"),
    ]
    del values["TAll"]
    write73(tmp_path / "Tiny.mat", values)
    whats = [(finding.level, finding.what) for finding in Tiny().verify(context(tmp_path))]
    assert ("warning", "no tags: it has no TAll; it has IAll, LAll") in whats


def test_without_h5py_one_error_says_what_to_install(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"version 7\.3 needs the package h5py") as caught:
        Tiny().load(context(plain))
    assert "robusthash-datasets[mat]" in str(caught.value.hint)


# The published ones

NAMES = {
    "flickr25k/ta-dch": ("FLICKR-25K.mat", 20015),
    "flickr25k/fpad": ("FLICKR-25K.mat", 20015),
    "nuswide21/ta-dch": ("NUS-WIDE.mat", 195834),
    "nuswide21/fpad": ("NUS-WIDE.mat", 195834),
    "mscoco/ta-dch": ("MS-COCO.mat", 123287),
    "mscoco/fpad": ("MS-COCO.mat", 122311),
    "iaprtc12/ta-dch": ("IAPR-TC12.mat", 20000),
    "wiki/ta-dch": ("WIKIPEDIA.mat", 2866),
}


@pytest.mark.parametrize("name", NAMES)
def test_one_message_says_from_where_and_where_to(name: str, tmp_path: Path) -> None:
    host = PluginHost.load()
    dataset = host.create(host.find(PluginKind.DATASET, name), {})
    assert isinstance(dataset, MatSet)
    file, rows = NAMES[name]
    assert dataset.known["query"] + dataset.known["database"] == rows
    assert dataset.title in {name, name.replace("fpad", "ta-dch")}
    for root in (None, tmp_path):
        with pytest.raises(DatasetError) as caught:
            dataset.load(DatasetContext(root=root, cache=tmp_path))
        hint = str(caught.value.hint)
        assert file in hint
        assert "github.com/" in hint
        assert "--data-root" in hint
    with pytest.raises(DatasetError, match="by hand"):
        dataset.prepare(context(tmp_path), None)


def test_the_command_line_prepares_and_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    place = ["--data-root", str(tmp_path)]
    assert run(["data", "prepare", "wiki/ta-dch", *place]) == 2
    assert "download WIKIPEDIA.mat" in capsys.readouterr().err
    monkeypatch.setattr(crossmodal.WikiMat, "known", Tiny.known)
    write73(tmp_path / "WIKIPEDIA.mat", content())
    assert run(["data", "prepare", "wiki/ta-dch", *place]) == 0
    assert len(list((tmp_path / "cache").rglob("*.pixels"))) == 1
    assert run(["data", "verify", "wiki/ta-dch", *place]) == 0
    (tmp_path / "WIKIPEDIA.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(200))
    capsys.readouterr()
    assert run(["data", "verify", "wiki/ta-dch", *place]) == 2
    told = capsys.readouterr().err
    assert "WIKIPEDIA.mat" in told
    assert "Traceback" not in told
