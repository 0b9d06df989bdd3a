"""CIFAR-10: splits, the authors' files, the JPEG copy."""

import functools
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robusthash.contracts import ArrayImages, Dataset, DatasetContext
from robusthash.errors import DatasetError, OptionError
from robusthash.evaluation.tasks.verify import verify
from robusthash.testing import DatasetContract
from robusthash_datasets.cifar import Cifar10
from robusthash_datasets.cifar import dataset as cifar
from robusthash_datasets.cifar import official as cifar_official
from robusthash_datasets.cifar.dataset import class_orders, draw
from robusthash_datasets.cifar.jpeg import read_jpeg
from robusthash_datasets.cifar.official import ARCHIVE, BATCHES, CLASSES, FOLDER

SMALL = {
    name: {"query": (0, 2), "train": (2, 5), "database": (2 + 3 * (name == "cifar10"), 12)} for name in cifar._SLICES
}


def batch(labels: np.ndarray, pixels: np.ndarray) -> bytes:
    """A batch as the authors' Python 2 pickled it, names of modules included."""
    data = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    content = pickle.dumps({"data": data, "labels": labels.tolist()}, protocol=2)
    return content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Official:
    """Small files in the layout of the official ones: 20 images a batch, two of each class."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.labels = np.tile(np.arange(10), 12)
        self.pixels = generator.integers(0, 256, (120, 32, 32, 3), dtype=np.uint8)
        parts = zip(BATCHES, np.split(self.labels, 6), np.split(self.pixels, 6), strict=True)
        self.batches = {name: batch(labels, pixels) for name, labels, pixels in parts}

    def write(self, root: Path) -> None:
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        for name, content in self.batches.items():
            (root / FOLDER / name).write_bytes(content)

    def archive(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in {**self.batches, "readme.html": b"hello"}.items():
                member = tarfile.TarInfo(f"{FOLDER}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> Official:
    """Files that stand for the official ones: their digests take the place of the published."""
    files = Official()
    monkeypatch.setattr(cifar_official, "BATCHES", {name: md5(content) for name, content in files.batches.items()})
    monkeypatch.setattr(cifar, "_SLICES", SMALL)
    return files


@pytest.fixture
def root(tmp_path: Path, official: Official) -> Path:
    official.write(tmp_path / "data")
    return tmp_path / "data"


class TestOfficial(DatasetContract):
    @pytest.fixture(params=list(SMALL))
    def dataset(self, request: pytest.FixtureRequest, official: Official) -> Dataset:
        return Cifar10(protocol=request.param)

    @pytest.fixture
    def context(self, root: Path) -> DatasetContext:
        return DatasetContext(root=root, cache=root / "cache")


class TestJpeg(DatasetContract):
    @pytest.fixture
    def dataset(self, monkeypatch: pytest.MonkeyPatch) -> Dataset:
        monkeypatch.setattr(cifar, "_SLICES", SMALL)
        monkeypatch.setattr(cifar, "_DIGESTS", {})
        return Cifar10(source="jpeg")

    @pytest.fixture
    def context(self, tmp_path: Path) -> DatasetContext:
        write_jpeg(tmp_path)
        return DatasetContext(root=tmp_path, cache=tmp_path / "cache")


def write_jpeg(folder: Path, **changes: Any) -> None:
    y, x = np.mgrid[0:32, 0:32]
    files = []
    for i in range(120):
        buffer = io.BytesIO()
        Image.fromarray(np.stack([x * 8, (y + i // 32) % 32 * 8, (x + i) % 32 * 8], axis=2).astype(np.uint8)).save(
            buffer, "jpeg"
        )
        files.append(buffer.getvalue())
    arrays = {
        "jpeg": np.frombuffer(b"".join(files), dtype=np.uint8),
        "offset": np.cumsum([0, *map(len, files)]),
        "label": np.repeat(np.arange(10, dtype=np.uint8), 12),
        "split": np.zeros(120, dtype=np.uint8),
        "classes": np.array(CLASSES),
    }
    np.savez(folder / "cifar10_jpeg_all60k.npz", **{**arrays, **changes})


def at(root: Path | None, cache: Path) -> DatasetContext:
    return DatasetContext(root=root, cache=cache)


def test_ids_are_positions_in_the_official_order(root: Path, official: Official) -> None:
    query = Cifar10().load(at(root, root)).query
    rows = [int(name) for name in query.ids]
    assert isinstance(query.images, ArrayImages)
    assert (query.images.array.numpy().transpose(0, 2, 3, 1) == official.pixels[rows]).all()
    assert query.labels.argmax(1).tolist() == official.labels[rows].tolist()


@pytest.mark.parametrize("protocol", list(SMALL))
def test_splits_relate_as_in_the_literature(protocol: str) -> None:
    orders = class_orders(np.repeat(np.arange(10), 6000))
    rows = {name: draw(orders, *part) for name, part in cifar._SLICES[protocol].items()}
    sizes = {name: len(part) for name, part in rows.items()}
    query, database, train = (set(rows[name]) for name in ("query", "database", "train"))
    expected = {
        "cifar10": ({"query": 1000, "database": 54000, "train": 5000}, set()),
        "cifar10-1": ({"query": 1000, "database": 59000, "train": 5000}, train),
        "cifar10-2": ({"query": 10000, "database": 50000, "train": 50000}, database),
    }[protocol]
    assert (sizes, train & database) == expected
    assert not query & (database | train)
    assert len(query | database | train) == 60000
    assert all(sum(row // 6000 == label for row in query) == sizes["query"] // 10 for label in range(10))


def test_a_part_of_the_splits_is_balanced_nested_and_named(root: Path) -> None:
    given = at(root, root)
    whole = Cifar10(protocol="cifar10-1").load(given)
    part = Cifar10(protocol="cifar10-1", queries=10, database=50, train=20).load(given)
    smaller = Cifar10(protocol="cifar10-1", database=30).load(given)
    assert (len(part.query), len(part.database), len(part.train)) == (10, 50, 20)
    assert part.query.labels.sum(0).tolist() == [1] * 10
    assert set(part.query.ids) < set(whole.query.ids)
    assert set(smaller.database.ids) < set(part.database.ids) < set(whole.database.ids)
    assert set(part.train.ids) < set(part.database.ids)
    assert (whole.name, part.name, smaller.name) == ("cifar10-1", "cifar10-1-part", "cifar10-1-part")


@pytest.mark.parametrize("counts", [{"queries": 9}, {"queries": 1001}, {"database": 54001}, {"train": 0}])
def test_parts_that_cannot_be_are_refused(counts: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="cifar10"):
        Cifar10(**counts)


def test_a_changed_batch_is_never_unpickled(root: Path) -> None:
    file = root / FOLDER / "data_batch_3"
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(DatasetError, match=r"data_batch_3 is not the authors' file: MD5 .*, not "):
        Cifar10().load(at(root, root))


def test_a_batch_that_is_more_than_arrays_is_refused(
    root: Path, official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = pickle.dumps({"data": print, "labels": []})
    (root / FOLDER / "data_batch_1").write_bytes(evil)
    monkeypatch.setitem(cifar_official.BATCHES, "data_batch_1", md5(evil))
    with pytest.raises(DatasetError, match=r"import .*print"):
        Cifar10().load(at(root, root))


def test_missing_files_are_told_with_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=FOLDER) as caught:
        Cifar10().load(at(tmp_path, tmp_path))
    assert cifar_official.URL in str(caught.value.hint)
    with pytest.raises(DatasetError, match=r"cifar10_jpeg_all60k\.npz"):
        Cifar10(source="jpeg").load(at(tmp_path, tmp_path))


@pytest.fixture
def server(tmp_path: Path, official: Official, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server of this machine in place of the authors'; the folder that it serves has the archive."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base class
            """Nobody reads it."""

    folder = tmp_path / "served"
    folder.mkdir()
    (folder / ARCHIVE).write_bytes(official.archive())
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        monkeypatch.setattr(cifar_official, "URL", f"http://127.0.0.1:{running.server_port}/{ARCHIVE}")
        monkeypatch.setattr(cifar_official, "ARCHIVE_MD5", md5((folder / ARCHIVE).read_bytes()))
        yield folder
        running.shutdown()
        thread.join()


def test_missing_files_are_downloaded_into_the_cache_once(server: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    given = DatasetContext(root=None, cache=tmp_path / "cache", progress=lambda *step: steps.append(step))
    first = Cifar10().load(given)
    assert steps[-1][0] == steps[-1][1] == (server / ARCHIVE).stat().st_size
    kept = [path for path in (tmp_path / "cache" / "datasets").rglob("*") if path.is_file()]
    assert {path.stat().st_mode for path in kept} == {(server / ARCHIVE).stat().st_mode}, "as any new file"
    (server / ARCHIVE).unlink()
    assert Cifar10().load(given).digest == first.digest


def test_a_download_of_something_else_is_refused(server: Path, tmp_path: Path) -> None:
    (server / ARCHIVE).write_bytes(b"moved")
    with pytest.raises(DatasetError, match="MD5") as caught:
        Cifar10().load(at(None, tmp_path / "cache"))
    assert "cifar-10-batches-py" in str(caught.value.hint)
    assert not list((tmp_path / "cache" / "datasets").iterdir()), "nothing of it is kept"


def test_a_download_that_fails_says_from_where_and_what_to_do(server: Path, tmp_path: Path) -> None:
    (server / ARCHIVE).unlink()
    with pytest.raises(DatasetError, match=r"cannot download http://127.*404"):
        Cifar10().load(at(None, tmp_path / "cache"))


@pytest.mark.parametrize("given_as", ["folder", "file"])
def test_an_archive_of_the_users_is_unpacked(server: Path, tmp_path: Path, given_as: str) -> None:
    home = at(tmp_path / "home", tmp_path / "cache")
    Cifar10().prepare(home, server if given_as == "folder" else server / ARCHIVE)
    assert sorted(path.name for path in (tmp_path / "home" / FOLDER).iterdir()) == sorted(BATCHES)
    assert Cifar10().load(home).query.ids
    (server / ARCHIVE).write_bytes(b"other")
    with pytest.raises(DatasetError, match="MD5"):
        Cifar10().prepare(home, server)


def test_the_copy_is_decoded_once(tmp_path: Path) -> None:
    write_jpeg(tmp_path)
    steps: list[int] = []
    given = DatasetContext(
        root=tmp_path, cache=tmp_path / "cache", progress=lambda done, _total, _what: steps.append(done)
    )
    first = read_jpeg(given).pixels
    assert steps
    steps.clear()
    assert (read_jpeg(given).pixels == first).all()
    assert not steps
    kept = next((tmp_path / "cache" / "datasets").iterdir())
    kept.write_bytes(kept.read_bytes()[:1000])
    assert (read_jpeg(given).pixels == first).all()
    assert steps, "a damaged cache is made again"


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": np.array(CLASSES[::-1])},
        {"label": np.zeros(7)},
        {"jpeg": np.zeros(10**6, dtype=np.uint8)},
        {"jpeg": np.array([None])},
    ],
    ids=["classes", "lengths", "no images", "pickled"],
)
def test_a_copy_that_is_none_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_jpeg(tmp_path, **changes)
    with pytest.raises(DatasetError, match=r"cifar10_jpeg_all60k\.npz"):
        Cifar10(source="jpeg").load(at(tmp_path, tmp_path / "cache"))


def test_other_labels_are_other_splits_and_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jpeg(tmp_path)
    monkeypatch.setattr(cifar, "_SLICES", SMALL)
    with pytest.raises(DatasetError, match="digest"):
        Cifar10(source="jpeg").load(at(tmp_path, tmp_path / "cache"))


@pytest.mark.slow
def test_the_real_copy_is_as_known(real_data: Path, tmp_path: Path) -> None:
    if not (real_data / "cifar10" / "cifar10_jpeg_all60k.npz").is_file():
        pytest.skip("no JPEG copy of CIFAR-10 among the real data")
    given = at(real_data, tmp_path / "cache")
    everything = read_jpeg(given)
    with np.load(real_data / "cifar10" / "cifar10_jpeg_all60k.npz") as archive:
        split = archive["split"]
    assert np.bincount(everything.labels[split == 0]).tolist() == [5000] * 10
    assert np.bincount(everything.labels[split == 1]).tolist() == [1000] * 10
    mean = everything.pixels[split == 0].mean(axis=(0, 1, 2)) / 255
    assert np.abs(mean - [0.4913, 0.4821, 0.4465]).max() < 1e-3
    for protocol in ("cifar10", "cifar10-1", "cifar10-2"):  # each load checks the digest of its splits
        assert Cifar10(protocol=protocol, source="jpeg").load(given).name == f"{protocol}-jpeg"
    assert not [finding for finding in verify(Cifar10(source="jpeg"), given)[0] if finding.level == "error"]
