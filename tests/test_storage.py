"""Stored files: whole or not at all, and with the mode of any new file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from robusthash.errors import StorageError, UsageError
from robusthash.files.paths import nearest_existing
from robusthash.files.storage import require_apart, temporary_beside, write_atomically


@pytest.fixture(params=[0o022, 0o002, 0o077, 0o027], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("replaced", [False, True], ids=["a new file", "an existing one"])
def test_a_stored_file_has_the_mode_that_the_umask_gives(tmp_path: Path, umask: int, *, replaced: bool) -> None:
    path = tmp_path / "folder" / "file"
    if replaced:
        path.parent.mkdir()
        path.touch(mode=0o600)
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert os.umask(umask) == umask  # as the process had it
    assert [one.name for one in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt()], ids=["an error", "an interruption"])
def test_what_is_not_written_whole_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write() -> None:
        with temporary_beside(path) as temporary:
            temporary.write_bytes(b"ne")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_two_that_write_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with temporary_beside(path) as first, temporary_beside(path) as second:
        for one in (first, second):
            one.write_bytes(one.name.encode())
        second.replace(path)
        assert path.read_text() == second.name
        first.replace(path)
    assert path.read_text() == first.name
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        write_atomically(tmp_path / "file" / "below", b"")


def test_the_nearest_of_a_path_and_its_parents_is_what_is_there_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nothing")
    for there in (tmp_path, tmp_path / "file", tmp_path / "link"):
        assert nearest_existing(there) == there
        assert nearest_existing(there / "not" / "yet") == there


def test_a_rename_whose_answer_was_lost_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS: the server has renamed it, and asked again finds nothing to rename."""
    rename = Path.replace

    def twice(path: Path, target: Path) -> Path:
        rename(path, target)
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", twice)
    write_atomically(tmp_path / "a", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_a_file_that_vanished_before_its_rename_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    rename = Path.replace

    def gone(path: Path, target: Path) -> Path:
        path.unlink()
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", gone)
    with pytest.raises(StorageError, match="cannot write"):
        write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_two_files_of_a_command_are_not_one(tmp_path: Path) -> None:
    one = tmp_path / "one"
    (tmp_path / "link").symlink_to(one)
    require_apart({"--a": one, "--b": tmp_path / "two", "--c": None, "--d": None})
    for same in (one, tmp_path / "folder" / ".." / "one", tmp_path / "link"):
        with pytest.raises(UsageError, match="--a and --b are one file"):
            require_apart({"--a": one, "--b": same})
