"""Digests of files by what is in them."""

import hashlib
import os
from pathlib import Path

import pytest

from robusthash.files.contents import content_digests


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def right(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def test_exchanged_files_of_one_size_are_noticed(tmp_path: Path) -> None:
    a, b = tmp_path / "a.bmp", tmp_path / "b.bmp"
    a.write_bytes(b"1" * 100)
    b.write_bytes(b"2" * 100)
    before = content_digests([a, b])
    assert before == [right(a), right(b)]
    a.rename(tmp_path / "c")
    b.rename(a)
    (tmp_path / "c").rename(b)
    assert content_digests([a, b]) == before[::-1]


def test_content_that_changes_under_the_same_times_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(b"1" * 100)
    state = path.stat()
    before = content_digests([path])
    path.write_bytes(b"2" * 100)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert content_digests([path]) == [right(path)] != before


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    monkeypatch.setattr("robusthash.files.contents._SETTLED", 0.0)
    first = content_digests([path])
    monkeypatch.setattr("robusthash.files.contents.content_digest", lambda path: pytest.fail(f"{path} is read again"))
    assert content_digests([path, path]) == first * 2


def test_a_missing_file_is_no_error_and_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a"
    absent = content_digests([path])
    path.write_bytes(b"x")
    assert content_digests([path]) == [right(path)] != absent


def test_a_cache_that_cannot_be_used_only_costs_time(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    cache.write_text("no folder")
    assert content_digests([path]) == [right(path)]
    cache.unlink()
    cache.mkdir()
    (cache / "contents.sqlite").write_text("no database, however long it is: " * 100)
    assert content_digests([path]) == [right(path)]


def test_another_change_in_the_same_moment_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1" * 100)
    before = path.stat()
    assert content_digests([path]) == [right(path)]
    path.write_bytes(b"2" * 100)
    # A file system whose clock has not moved on: everything of the state is as it was.
    now = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **how: before if self == path else now(self, **how))
    assert content_digests([path]) == [right(path)]


def test_a_pipe_is_no_content_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    assert content_digests([tmp_path / "a"]) == content_digests([tmp_path / "gone"])
