"""Locks between processes: one at a time, none stale, none left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from robusthash.errors import StorageError
from robusthash.locks import held, locked

#: Adds to a number in a file, in a way that loses counts if two processes do it at once.
COUNT = """
import sys, time
from pathlib import Path
from robusthash.locks import locked
for _ in range(20):
    with locked(Path(sys.argv[1])):
        number = int(Path(sys.argv[2]).read_text())
        time.sleep(0.001)
        Path(sys.argv[2]).write_text(str(number + 1))
"""

HOLD = """
import sys, time
from pathlib import Path
from robusthash.locks import locked
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
