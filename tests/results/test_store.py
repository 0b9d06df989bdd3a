"""The results folder: round trips, damaged files, and writes that fail."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.errors import InputError, StorageError, UsageError
from robusthash.results import PluginUse, QueryArrays, Record, ResultStore
from robusthash.testing.records import make_record

ARRAYS = QueryArrays.from_arrays(
    {"ids": np.array(["a.png", "b.png"]), "clean/map": np.array([0.25, 1.0]), "linf": np.zeros(2, np.float32)}
)


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


def test_a_record_comes_back_as_it_was_saved(store: ResultStore) -> None:
    record = make_record(defense="saat", options={"steps": 100, "aim": None, "sizes": [1, 2]}, target=0.7)
    path = store.save(record, ARRAYS)
    assert path == store.root / "digits" / "dpsh-32bit" / "saat" / f"rnm-{record.digest[:12]}.json"
    found = store.find(record.digest)
    assert found == record
    arrays = store.arrays(record).to_arrays()
    assert set(arrays) == set(ARRAYS.to_arrays())
    for name, array in ARRAYS.to_arrays().items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_record_makes_the_same_bytes(store: ResultStore, tmp_path: Path) -> None:
    record, other = make_record(), ResultStore(tmp_path / "other")
    left, right = store.save(record, ARRAYS), other.save(record, ARRAYS)
    assert left.read_bytes() == right.read_bytes()
    assert left.with_suffix(".npz").read_bytes() == right.with_suffix(".npz").read_bytes()


def test_a_digest_that_is_not_there_is_none(store: ResultStore) -> None:
    record = make_record()
    assert store.find(record.digest) is None
    store.save(record, ARRAYS)
    almost = record.digest[:12] + "0" * 52
    assert store.find(almost) is None


@pytest.mark.parametrize(
    "name", ["dpsh/cgat", "../../etc/passwd", "path/to/file.py:build", ".hidden", "x" * 500, "a\\b"]
)
def test_any_name_stays_one_folder_inside_the_store(store: ResultStore, name: str) -> None:
    record = make_record(model=name, attack=name)
    path = store.save(record, ARRAYS)
    relative = path.resolve().relative_to(store.root.resolve())
    assert len(relative.parts) == 4
    assert not any(part.startswith(".") for part in relative.parts)
    assert store.find(record.digest) == record
    assert store.load_all() == ([record], [])


def test_names_that_look_alike_on_disk_are_kept_apart(store: ResultStore) -> None:
    records = [make_record(model=name) for name in ("a/b", "a_b", "a:b")]
    for record in records:
        store.save(record, ARRAYS)
    found, problems = store.load_all()
    assert not problems
    assert sorted(one.victim.model.name for one in found) == ["a/b", "a:b", "a_b"]


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for name in path[:-1]:
            content = content[name]
        del content[path[-1]]

    return change


def _with(value: object, *path: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for name in path[:-1]:
            content = content[name]
        content[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_without("schema"), "schema"),
        (_with(99, "schema"), "schema 99"),
        (_without("cost"), "cost"),
        (_with({}, "protocols"), "protocols: Expected `object` of length >= 1"),
        (_with("high", "epsilon"), "epsilon: Expected `float`, got `str`"),
        (_with(-0.1, "epsilon"), "epsilon: Expected `float` >= 0"),
        (_with("many", "dataset", "queries"), "dataset.queries: Expected `int`, got `str`"),
        (_with(None, "model", "name"), "model.name: Expected `str`, got `null`"),
        (_with(64, "model", "bits"), "model: bits is 64, but hamming of size 32 has bits 32"),
        (_with(1, "model", "colour"), "model: Object contains unknown field `colour`"),
        (_with("mean", "metrics", "clean", "map", "value"), "metrics[...][...].value: Expected `float`, got `str`"),
        (_without("metrics", "adversarial", "map"), "metrics has no map of the adversarial queries"),
        (_with({"psnr": "inf"}, "imagery"), "imagery[...]: Expected `float`, got `str`"),
        (_with([], "attack", "options"), "attack.options: Expected `object`, got `array`"),
        (_with("both", "goal"), "goal: Invalid enum value 'both'"),
        (_with("targeted", "goal"), "t-map"),
        (_with("recall", "headline"), "headline is 'recall', which is not among protocols"),
        (_with(["RH001"], "flags"), "flags[0]: Expected `object`, got `str`"),
        (_with({"threads": "2"}, "environment"), "environment has no device"),
        (_with(1, "seed"), "was changed after it was written"),
        (_with({"steps": 7}, "attack", "options"), "was changed after it was written"),
    ],
)
def test_a_damaged_record_is_named_and_stops_no_other(
    store: ResultStore, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    good, bad = make_record(attack="hag"), make_record(attack="rnm")
    store.save(good, ARRAYS)
    path = store.save(bad, ARRAYS)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    records, problems = store.load_all()
    assert records == [good]
    assert [problem.path for problem in problems] == [path]
    assert str(path) in problems[0].message
    assert named in problems[0].message
    assert store.find(bad.digest) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b'{"name": "a package"}'])
def test_a_foreign_file_is_named(store: ResultStore, content: bytes) -> None:
    store.save(make_record(), ARRAYS)
    foreign = store.root / "package.json"
    foreign.write_bytes(content)
    records, problems = store.load_all()
    assert len(records) == 1
    assert [problem.path for problem in problems] == [foreign]


def test_half_done_work_is_no_problem(store: ResultStore) -> None:
    store.save(make_record(), ARRAYS)
    (store.root / ".shards").mkdir()
    (store.root / ".shards" / "0.json").write_text("{")
    (store.root / "digits" / ".rnm.json").write_text("{")
    assert store.load_all()[1] == []


def test_a_folder_that_is_not_there_is_named(store: ResultStore) -> None:
    with pytest.raises(InputError, match="not a folder"):
        store.load_all()


def _twins() -> tuple[Record, Record]:
    """Two records whose digests begin alike."""
    found: dict[str, Record] = {}
    for seed in range(5000):
        record = make_record(seed=seed)
        if record.digest[:4] in found:
            return found[record.digest[:4]], record
        found[record.digest[:4]] = record
    raise AssertionError("no two of 5,000 digests begin with the same four digits")


def test_lookup_by_prefix(store: ResultStore) -> None:
    record, twin = _twins()
    for one in (record, twin):
        store.save(one, ARRAYS)
    assert store.lookup(record.digest) == record
    assert store.lookup(twin.digest[:20]) == twin
    with pytest.raises(UsageError, match="2 records"):
        store.lookup(record.digest[:4])
    absent = next(f"{i:04x}" for i in range(3) if f"{i:04x}" != record.digest[:4])
    with pytest.raises(UsageError, match="no record"):
        store.lookup(absent)
    with pytest.raises(UsageError, match="neither a file nor a digest"):
        store.lookup("results/typo.json")


def test_damaged_arrays_are_named(store: ResultStore) -> None:
    record = make_record()
    arrays = store.save(record, ARRAYS).with_suffix(".npz")
    whole = arrays.read_bytes()
    entry = whole.index(b"PK\x01\x02")  # of the first array in the archive's directory
    encrypted, packed = (
        whole[: entry + at] + byte + whole[entry + at + 1 :] for at, byte in ((8, b"\x01"), (10, b"\x63"))
    )
    broken = whole.replace(whole[60:80], b"\0" * 20)
    for content in (b"", b"PK", whole[: len(whole) // 2], broken, encrypted, packed):
        arrays.write_bytes(content)
        with pytest.raises(InputError, match="arrays"):
            store.arrays(record)
    arrays.unlink()
    with pytest.raises(InputError, match="arrays"):
        store.arrays(record)


def _snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        ("os.fsync", errno.ENOSPC, "No space left"),
        ("fcntl.flock", errno.ENOLCK, "No locks available"),
        ("os.open", errno.EROFS, "Read-only file system"),
    ],
)
def test_a_write_that_fails_loses_nothing(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, call: str, code: int, said: str
) -> None:
    record = make_record()
    store.save(record, ARRAYS)
    before = _snapshot(store.root)

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as failing:
        failing.setattr(call, fail)
        for one in (record, make_record(attack="hag")):
            with pytest.raises(StorageError, match=said):
                store.save(one, ARRAYS)
    assert _snapshot(store.root) == before


def test_arrays_are_there_before_the_record(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    record = make_record()
    real = Path.replace

    def stop_at_json(self: Path, target: Path) -> Path:
        if target.suffix == ".json":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", stop_at_json)
    with pytest.raises(StorageError):
        store.save(record, ARRAYS)
    assert store.path_of(record).with_suffix(".npz").is_file()
    assert store.find(record.digest) is None
    assert store.load_all() == ([], [])


def test_a_file_in_the_way_is_a_storage_error(store: ResultStore) -> None:
    store.root.mkdir()
    (store.root / "digits").write_text("not a folder")
    with pytest.raises(StorageError, match="digits"):
        store.save(make_record(), ARRAYS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_folder_is_a_storage_error(store: ResultStore) -> None:
    store.save(make_record(), ARRAYS)
    before = _snapshot(store.root)
    folder = store.path_of(make_record()).parent
    folder.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            store.save(make_record(attack="hag"), ARRAYS)
    finally:
        folder.chmod(0o700)
    assert _snapshot(store.root) == before


def test_objects_are_not_pickled(store: ResultStore) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        store.save(make_record(), QueryArrays(columns={"objects": np.array([{}, {}], dtype=object)}))
    assert not store.root.exists()


def test_the_path_does_not_depend_on_the_time() -> None:
    record: Record = make_record()
    scoring = replace(record.scoring, retriever=PluginUse(name="faiss", owner="x 1"))
    later = replace(record, created="2027-01-01T00:00:00+00:00", scoring=scoring)
    assert ResultStore(Path("r")).path_of(record) == ResultStore(Path("r")).path_of(later)
