"""Locks between processes: one at a time, none stale, none left behind."""

import multiprocessing
import time
from multiprocessing.queues import Queue
from pathlib import Path

import pytest

from robusthash.errors import StorageError
from robusthash.locks import held, locked

_SPAWN = multiprocessing.get_context("spawn")


def enter(path: Path, counter: Path, rounds: int) -> None:
    """Adds to a number in a file, in a way that loses counts if two processes do it at once."""
    for _ in range(rounds):
        with locked(path):
            number = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(number + 1))


def hold(path: Path, told: "Queue[str]") -> None:
    with locked(path):
        told.put("held")
        time.sleep(60)


@pytest.mark.slow
def test_one_process_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [_SPAWN.Process(target=enter, args=(tmp_path / "lock", counter, 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "60"
    assert not (tmp_path / "lock").exists()


@pytest.mark.slow
def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    told = _SPAWN.Queue()
    holder = _SPAWN.Process(target=hold, args=(tmp_path / "lock", told))
    holder.start()
    assert told.get(timeout=60) == "held"
    with held(tmp_path / "lock") as free:
        assert not free
    holder.kill()
    holder.join()
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
