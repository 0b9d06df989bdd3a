"""Databases in files: the numbers of arrays in memory, read in parts, and let go."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import robusthash.metrics as metrics
from robusthash.errors import InputError, UsageError
from robusthash.files.mapping import mapped_array, release
from robusthash.metrics import PackedLabels, Relevance, given, streaming


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (given, streaming):
        monkeypatch.setattr(module, "PART", 7)


def stored(folder: Path, name: str, array: np.ndarray) -> np.ndarray:
    np.save(folder / f"{name}.npy", array)
    return mapped_array(folder / f"{name}.npy", "codes")


@pytest.mark.parametrize("relevance", Relevance)
@pytest.mark.parametrize("labels", ["multi-hot", "packed", "ids"])
@pytest.mark.parametrize("codes", ["signs", "booleans", "packed", "wide bytes"])
def test_files_score_as_arrays_do(codes: str, labels: str, relevance: Relevance, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    bits = random.integers(2, size=(60, 20), dtype=np.uint8)
    hot = random.random((60, 11)) < 0.2
    ids = random.integers(300, size=60)
    packed = np.packbits(bits, axis=1)
    form = {"signs": 2.0 * bits - 1, "booleans": bits > 0, "packed": packed, "wide bytes": packed.astype(np.int64)}
    made = form[codes]
    length = 20 if made.shape[1] != 20 else None
    items = stored(tmp_path, "items", made[8:])
    wanted = ids if labels == "ids" else hot
    if labels == "packed":
        octets = stored(tmp_path, "labels", np.packbits(hot[8:], axis=1))
        found = PackedLabels(octets=np.packbits(hot[:8], axis=1), classes=11), PackedLabels(octets=octets, classes=11)
    else:
        found = wanted[:8], stored(tmp_path, "labels", wanted[8:])  # type: ignore[assignment]
    expected = metrics.map(bits[:8], wanted[:8], bits[8:], wanted[8:], relevance=relevance, per_query=True)
    values = metrics.map(made[:8], found[0], items, found[1], relevance=relevance, per_query=True, bits=length)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
@pytest.mark.parametrize("bits", [12, 64, 128])
def test_machine_code_reads_files(bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    codes, ids = random.integers(2, size=(40, bits)), random.integers(5, size=40)
    packed, hot = np.packbits(codes, axis=1), np.packbits(np.eye(32, dtype=bool)[ids], axis=1)
    labels = PackedLabels(octets=hot[:8], classes=32), PackedLabels(octets=stored(tmp_path, "hot", hot[8:]), classes=32)
    expected = metrics.map(codes[:8], ids[:8], codes[8:], ids[8:], per_query=True)
    monkeypatch.setattr("robusthash.metrics.counting.counter.WORTH", 0)
    queries, items = stored(tmp_path, "queries", packed[:8]), stored(tmp_path, "items", packed[8:])
    found = metrics.map(queries, labels[0], items, labels[1], per_query=True, bits=bits)
    np.testing.assert_array_equal(found, expected)


def test_a_fault_late_in_a_file_is_found(tmp_path: Path) -> None:
    codes = np.ones((50, 12), np.int8)
    codes[49, 3] = 2
    items = stored(tmp_path, "items", codes)
    with pytest.raises(UsageError, match="item_codes are neither signs nor bits, with the values 1, 2"):
        metrics.map(codes[:2], [0, 1], items, np.zeros(50, int))
    codes[49, 3], codes[20, 1] = 0, -1
    with pytest.raises(UsageError, match="neither signs nor bits"):
        metrics.map(codes[:2], [0, 1], stored(tmp_path, "items", codes), np.zeros(50, int))
    packed = np.zeros((50, 2), np.uint8)
    packed[49, 1] = 1
    with pytest.raises(UsageError, match="set bits after bit 12"):
        metrics.map(packed[:2], [0, 1], stored(tmp_path, "packed", packed), np.zeros(50, int), bits=12)


def test_what_was_read_of_a_map_is_let_go_and_read_again(tmp_path: Path) -> None:
    array = stored(tmp_path, "items", np.full((1 << 20, 8), 7, np.uint8))

    def held() -> int:
        text, inside = Path("/proc/self/smaps").read_text(), False
        for line in text.splitlines():
            if "items.npy" in line:
                inside = True
            elif inside and line.startswith("Rss:"):
                return int(line.split()[1])
        return 0

    if not Path("/proc/self/smaps").exists():
        pytest.skip("no /proc here")
    view = np.asarray(array)[5:]
    assert view.sum() == 7 * view.size
    assert held() > 6000
    release(view)
    assert held() < 500
    assert view.sum() == 7 * view.size


def test_a_map_that_was_changed_keeps_its_changes(tmp_path: Path) -> None:
    np.save(tmp_path / "items.npy", np.zeros((100, 8), np.uint8))
    array = np.load(tmp_path / "items.npy", mmap_mode="c")
    array[:] = 1
    release(array)
    assert array.all()
    release(np.zeros(3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read the codes"),
        (b"\x93NUMPY\x01\x00", "cannot read the codes"),
        (b"PK\x03\x04 an archive", "cannot read the codes"),
        (None, "No such file"),
    ],
)
def test_files_that_are_none_are_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "codes.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        mapped_array(path, "the codes")


def test_python_objects_and_archives_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot read the codes"):
        mapped_array(tmp_path / "objects.npy", "the codes")
    np.savez(tmp_path / "several.npz", a=np.zeros(2))
    with pytest.raises(InputError, match=r"no \.npy file"):
        mapped_array(tmp_path / "several.npz", "the codes")
    whole = (tmp_path / "objects.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(whole.replace(b"(2,)", b"(9,)")[:-3])
    with pytest.raises(InputError, match="cannot read the codes"):
        mapped_array(tmp_path / "short.npy", "the codes")
