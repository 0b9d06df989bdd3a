"""Locks between processes: one at a time, none stale, none left behind."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robusthash.errors import StorageError
from robusthash.files.locks import claimed, held, locked, remove_left
from robusthash.files.storage import write_atomically

#: Adds to a number in a file, in a way that loses counts if two processes do it at once.
COUNT = """
import sys, time
from pathlib import Path
from robusthash.files.locks import locked
for _ in range(20):
    with locked(Path(sys.argv[1])):
        number = int(Path(sys.argv[2]).read_text())
        time.sleep(0.001)
        Path(sys.argv[2]).write_text(str(number + 1))
"""

HOLD = """
import sys, time
from pathlib import Path
from robusthash.files.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "lock"), str(counter)]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "60"
    assert not (tmp_path / "lock").exists()


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with held(tmp_path / "lock") as free:
            assert not free
        holder.kill()
    with held(tmp_path / "lock") as free:
        assert free


def test_a_lock_is_held_once_within_a_process_too(tmp_path: Path) -> None:
    with held(tmp_path / "deep" / "lock") as free:
        assert free
        with held(tmp_path / "deep" / "lock") as again:
            assert not again
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot lock"), locked(tmp_path / "file" / "lock"):
        pass


def test_a_file_that_was_released_is_no_lock_even_if_its_name_still_shows_it(tmp_path: Path) -> None:
    """As a client of NFS may see it for some seconds, and as a kill between release and removal leaves it."""
    path = tmp_path / "lock"
    path.write_bytes(b"released")
    before = path.stat().st_ino
    other = tmp_path / "other"  # keeps the inode from being used again
    other.hardlink_to(path)
    with locked(path):
        assert path.stat().st_ino != before
        assert path.read_bytes() == b""
    assert not path.exists()
    assert other.read_bytes() == b"released"


def test_a_file_system_without_locks_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StorageError, match="No locks available") as error, locked(tmp_path / "lock"):
        pass
    assert "mounted with locks" in str(error.value.hint)


def test_what_killed_processes_left_is_removed_and_what_is_written_stays(tmp_path: Path) -> None:
    (tmp_path / ".a.npz.0123abcd.tmp").write_bytes(b"half")
    kept = (tmp_path / ".a.npz.swp", tmp_path / "b.0123abcd.tmp", tmp_path / "a.npz")
    for path in kept:
        path.touch()
    with claimed(tmp_path / "a.npz", ".tmp") as written:
        remove_left(tmp_path, ".tmp")
        assert sorted(tmp_path.iterdir()) == sorted([*kept, written])
        written.replace(tmp_path / "a.npz")
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    remove_left(tmp_path / "gone", ".tmp")


def test_a_file_that_was_written_is_as_readable_as_the_process_wants_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "record.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "record.json").stat().st_mode & 0o777 == 0o644


def test_a_file_that_another_machine_has_just_removed_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, stale = fcntl.flock, [True, True]

    def sometimes_stale(handle: int, how: int) -> None:
        if stale:
            stale.pop()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", sometimes_stale)
    with held(tmp_path / "a.lock") as free:
        assert free
    assert stale == []


def test_a_mount_on_which_all_is_stale_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(handle: int, how: int) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(fcntl, "flock", always)
    with pytest.raises(StorageError, match="cannot lock"), locked(tmp_path / "a.lock"):
        pass
