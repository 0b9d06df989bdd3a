"""The tests that every executor must pass: subclass :class:`ExecutorContract` and give the ``executor`` fixture.

::

    class TestMine(ExecutorContract):
        @pytest.fixture
        def executor(self) -> Executor:
            return Mine(workers=2)

Importing this module needs pytest, which the core does not depend on.
"""

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from uuid import uuid4

import pytest

from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Work, Workplace
from robusthash.errors import PluginError, RobustHashError, StorageError
from robusthash.testing.contracts.objects import PluginObjectContract

_FAILS = "fails"
_DIES = "dies"
_AHEAD = 8  #: tasks that are taken before one is run
_MOST_AHEAD = 500  #: tasks that any executor may take before it yields one
_SECONDS = 30.0  #: that whatever an executor started has to end in


@dataclass(frozen=True, kw_only=True)
class Reversed(Executor):
    """Runs shards in this process, of some the last one first: for tests that their order changes nothing."""

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:
        """Starts nothing."""
        yield _Backwards(workplace.here)


class _Backwards(Running):
    def __init__(self, work: Work) -> None:
        self._work = work

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        left = iter(tasks)
        while some := list(islice(left, _AHEAD)):
            yield from map(self._work, reversed(some))


class ExecutorContract(PluginObjectContract):
    """What an executor promises to a run."""

    @pytest.fixture
    def executor(self) -> Executor:
        """The executor under test; a subclass overrides this."""
        pytest.skip("give the fixture `executor` in a subclass")

    @pytest.fixture
    def plugin_object(self, executor: Executor) -> object:
        """The executor."""
        return executor

    def test_every_task_is_done_once(self, executor: Executor) -> None:
        """Cell after cell, whichever shards are missing, each result beside its own task, by workers made once."""
        workers = set()
        with executor.start(_workplace()) as running:
            for cell, shards in (("one", range(7)), ("none", ()), ("two", (0,)), ("resumed", (2, 5, 9))):
                found = list(running.run([ShardTask(cell=cell, shard=shard) for shard in shards]))
                assert sorted(_told(one) for one in found) == [(cell, shard) for shard in shards]
                assert sorted(one.task.shard for one in found) == list(shards)
                assert all(one.result.answer == _answer(one.task) for one in found)
                workers |= {(one.result.machine, one.result.process, one.result.worker) for one in found}
        assert len({(machine, process) for machine, process, _ in workers}) == len(workers)

    def test_cells_are_run_side_by_side(self, executor: Executor) -> None:
        """The shards of several cells in one run: each is done once, and none is mixed up with another of its index."""
        asked = [ShardTask(cell=cell, shard=shard) for shard in range(3) for cell in ("one", "two", "three")]
        with executor.start(_workplace()) as running:
            found = list(running.run(iter(asked)))
        assert sorted(map(_told, found)) == sorted((task.cell, task.shard) for task in asked)
        assert all(one.task in asked and one.result.answer == _answer(one.task) for one in found)

    def test_tasks_are_taken_when_they_are_needed(self, executor: Executor) -> None:
        """A few ahead at most, in the thread that the results are yielded in: with some of them, a model is made."""
        taken: list[int] = []

        def without_end() -> Iterator[ShardTask]:
            for shard in count():
                assert len(taken) < _MOST_AHEAD, "it takes tasks without end"
                taken.append(threading.get_ident())
                yield ShardTask(cell="one", shard=shard)

        with executor.start(_workplace()) as running:
            found = list(islice(running.run(without_end()), 5))
        assert len({one.task.shard for one in found}) == len(found) == 5
        assert set(taken) == {threading.get_ident()}

    def test_errors_are_told_and_not_raised(self, executor: Executor) -> None:
        """With the error's class, text and hint; every other shard is run, and the next cell as ever."""
        tasks = [ShardTask(cell="one", shard=0), ShardTask(cell=_FAILS, shard=1), ShardTask(cell="one", shard=2)]
        with executor.start(_workplace()) as running:
            found = list(running.run(tasks))
            after = list(running.run(_tasks("next", 4)))
        assert [one.task.shard for one in found if one.error is not None] == [1]
        failed = next(one for one in found if one.error is not None)
        assert failed.result is None
        assert isinstance(failed.error, PluginError)
        assert (failed.error.message, failed.error.hint) == ("shard 1 is bad", "try another")
        rest = [one for one in found if one is not failed]
        assert sorted(one.task.shard for one in rest) == [0, 2]
        assert all(one.result.answer == _answer(one.task) for one in rest)
        assert sorted(_told(one) for one in after) == [("next", shard) for shard in range(4)]

    def test_a_worker_that_dies_is_told(self, executor: Executor) -> None:
        """By a StorageError, or as the task's error: a run never waits for an answer that will not come."""
        with executor.start(_workplace()) as running:
            if next(iter(running.run(_tasks("one", 1)))).result.process == os.getpid():
                pytest.skip("it works in this process")
            assert len(_errors(running, _tasks(_DIES, 1))) == 1

    def test_a_worker_that_dies_loses_nothing(self, executor: Executor, tmp_path: Path) -> None:
        """Its task is run again by another; or, where that cannot be, a StorageError ends the run."""
        mark = tmp_path / "died"
        tasks = [ShardTask(cell=f"{_DIES} once {mark}" if shard == 1 else "one", shard=shard) for shard in range(4)]
        with executor.start(_workplace()) as running:
            if next(iter(running.run(_tasks("one", 1)))).result.process == os.getpid():
                pytest.skip("it works in this process")
            try:
                found = list(running.run(tasks))
            except StorageError:
                return
        assert mark.exists()
        assert sorted(one.task.shard for one in found if one.error is None) == [0, 1, 2, 3]

    def test_nothing_is_left_running(self, executor: Executor) -> None:
        """No process, and no thread."""
        before = _threads()
        with executor.start(_workplace()) as running:
            workers = _workers(running.run(_tasks("one", 6)))
        _wait_until(lambda: not any(map(_alive, workers)), "a worker is still alive")
        _wait_until(lambda: _threads() <= before, "a thread is still running")

    def test_an_interrupted_run_leaves_nothing_running(self, executor: Executor) -> None:
        """What interrupts the run passes through, with tasks still to be done."""
        before = _threads()
        workers: set[int] = set()

        def interrupted() -> None:
            with executor.start(_workplace()) as running:
                workers.update(_workers(islice(running.run(_tasks("one", 40)), 1)))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        _wait_until(lambda: not any(map(_alive, workers)), "a worker is still alive")
        _wait_until(lambda: _threads() <= before, "a thread is still running")

    def test_two_runs_at_once_do_not_mix(self, executor: Executor) -> None:
        """An executor keeps nothing of a run itself."""
        first: AbstractContextManager[Running] = executor.start(_workplace())
        second: AbstractContextManager[Running] = executor.start(_workplace())
        with first as one, second as other:
            found = [list(running.run(_tasks(cell, 3))) for running, cell in ((one, "one"), (other, "other"))]
        assert [sorted(map(_told, each)) for each in found] == [
            [(cell, shard) for shard in range(3)] for cell in ("one", "other")
        ]


@dataclass(frozen=True, kw_only=True)
class _Answered:
    """The result of a toy task."""

    cell: str
    shard: int
    answer: int
    process: int
    machine: str
    worker: str


@dataclass(frozen=True, kw_only=True)
class _ToyWork:
    """Does toy tasks, under a name that no other worker has."""

    name: str = field(default_factory=lambda: uuid4().hex)

    def __call__(self, task: ShardTask) -> FinishedShard:
        if task.cell.startswith(_DIES):
            mark = Path(task.cell.removeprefix(f"{_DIES} once "))
            if task.cell == _DIES or not mark.exists():
                if task.cell != _DIES:
                    mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if task.cell == _FAILS:
            error: RobustHashError = PluginError(f"shard {task.shard} is bad", hint="try another")
            return FinishedShard(task=task, error=error)
        result = _Answered(
            cell=task.cell,
            shard=task.shard,
            answer=_answer(task),
            process=os.getpid(),
            machine=platform.node(),
            worker=self.name,
        )
        return FinishedShard(task=task, result=result)


def _workplace() -> Workplace:
    return Workplace(here=_ToyWork(), elsewhere=_ToyWork, settings={"dataset": "toy", "device": "cpu"})


def _tasks(cell: str, shards: int) -> list[ShardTask]:
    return [ShardTask(cell=cell, shard=shard) for shard in range(shards)]


def _answer(task: ShardTask) -> int:
    return sum(map(ord, task.cell)) * 1000 + task.shard


def _told(finished: FinishedShard) -> tuple[str, int]:
    assert finished.error is None, finished.error
    return finished.result.cell, finished.result.shard


def _errors(running: Running, tasks: Sequence[ShardTask]) -> list[RobustHashError]:
    """What went wrong, told or raised."""
    try:
        return [one.error for one in running.run(tasks) if one.error is not None]
    except StorageError as error:
        return [error]


def _workers(found: Iterator[FinishedShard]) -> set[int]:
    """Other processes of this machine that did some tasks."""
    results = [one.result for one in found]
    return {one.process for one in results if one.machine == platform.node()} - {os.getpid()}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def _wait_until(done: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + _SECONDS
    while not done():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)
