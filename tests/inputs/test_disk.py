"""Disks that are full, before a run and in the middle of it, and caches and folders that cannot be written."""

import errno
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pluggy
import pytest

import robusthash
import robusthash.files.storage
from robusthash.cli import run
from robusthash.errors import StorageError

EVAL = [
    "eval",
    "--model",
    "lsh",
    "--attack",
    "rnm",
    "--queries",
    "8",
    "--shard-size",
    "4",
    "-o",
    "rnm.steps=2",
    "--quiet",
]
_NOBODY = 65534
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that every user can reach: pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder of its own, with a cache of its own; gives its exit code and its errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))

    def running(*arguments: str) -> tuple[int, str]:
        return run(arguments), capsys.readouterr().err

    return running


def _full(monkeypatch: pytest.MonkeyPatch, free: int = 100) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


@pytest.mark.parametrize(
    "arguments",
    [
        EVAL,
        ["train", "--model", "lsh", "--output", "x.safetensors", "--quiet"],
        ["train", "--model", "dpsh", "--quiet"],
        ["attack", "--model", "lsh", "--attack", "noise", "--queries", "4", "--output", "out", "--quiet"],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_a_full_disk_is_told_before_the_work(
    told: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.setattr("robusthash.evaluation.victims.checkpoints._learn", None)  # it would fail otherwise
    _full(monkeypatch)
    code, err = told(*arguments)
    assert code == StorageError.exit_code
    assert err.count("error: ") == 1
    assert "MiB left" in err
    assert "free disk space" in err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".sqlite"]


WRITES = (0, 2, 4, 6, 8)


@pytest.mark.parametrize("nth", WRITES)
def test_a_disk_that_becomes_full_loses_nothing(
    told: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nth: int
) -> None:
    written = 0
    sync = os.fsync

    def full(handle: int) -> None:
        nonlocal written
        written += 1
        if written > nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(robusthash.files.storage.os, "fsync", full)
    code, err = told(*EVAL)
    if written <= nth:  # a run makes fewer files: this is one that nothing disturbs
        assert code == 0
        return
    assert code == StorageError.exit_code, err
    assert err.count("error: ") == 1, err
    assert "No space left on device" in err
    assert "internal error" not in err
    before = _files(tmp_path)
    assert not [name for name in before if Path(name).name.startswith(".") and ".lock" not in name]
    monkeypatch.setattr(robusthash.files.storage.os, "fsync", sync)
    assert told(*EVAL)[0] == 0
    after = _files(tmp_path)
    assert all(after[name] == content for name, content in before.items() if ".shards" not in name)
    assert not [name for name in after if ".shards" in name or ".crafted" in name]
    assert len([name for name in after if name.endswith(".json")]) == 2


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".sqlite")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_tiny_disk_fills_up(told: Run, tiny: Path) -> None:
    (tiny / "ballast").write_bytes(b"x" * (shutil.disk_usage(tiny).free - 8192))
    code, err = told(*EVAL, "--results", str(tiny / "results"))
    assert code == StorageError.exit_code
    assert err.count("error: ") == 1
    assert "MiB left" in err
    assert [path.name for path in tiny.iterdir()] == ["ballast"]


def test_what_is_stored_is_read_by_whom_the_umask_lets(told: Run, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert told(*EVAL)[0] == 0
    finally:
        os.umask(before)
    modes = {path: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {"0o640"}, modes
    assert {mode for path, mode in modes.items() if path.is_dir()} == {"0o750"}, modes


def _anybody_reads(*files: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for file in files for folder in file.resolve().parents)


@pytest.fixture
def readonly() -> Iterator[Callable[[Path], None]]:
    """Makes folders read-only. Root writes into any folder, so that what follows runs as nobody."""
    root = os.geteuid() == 0
    if root and not _anybody_reads(Path(pluggy.__file__), Path(robusthash.__file__)):
        pytest.skip("nobody cannot read what is installed: it lies in a folder of root's own")
    modes: dict[Path, int] = {}

    def change(path: Path, mode: int) -> None:
        modes.setdefault(path, path.stat().st_mode)
        path.chmod(mode)

    def close(folder: Path) -> None:
        for path in (folder, *folder.rglob("*")):
            change(path, 0o555 if path.is_dir() else 0o444)
        if root:
            os.seteuid(_NOBODY)

    yield close
    if root:
        os.seteuid(0)
    for path, mode in modes.items():
        path.chmod(mode)


def test_a_cache_that_cannot_be_written_stops_nothing(
    told: Run, tmp_path: Path, readonly: Callable[[Path], None]
) -> None:
    assert told("train", "--model", "lsh", "--quiet")[0] == 0
    cache = _files(tmp_path / "cache")
    readonly(tmp_path / "cache")
    code, err = told(*EVAL)  # the model is there, its codes are not
    assert code == 0, err
    assert err.count("warning: the cache") == 1
    assert _files(tmp_path / "cache") == cache


def test_results_that_cannot_be_written_are_told_before_training(
    told: Run, tmp_path: Path, readonly: Callable[[Path], None]
) -> None:
    (tmp_path / "results").mkdir()
    readonly(tmp_path / "results")
    code, err = told(*EVAL)
    assert code == 2
    assert "--results results is not writable" in err
    assert not (tmp_path / "cache").exists()
