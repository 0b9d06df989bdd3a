"""Executors run the shards of an evaluation: in this process, in other processes, or on other machines."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from robusthash.boundary import breach, foreign, own, warned, whose
from robusthash.errors import RobustHashError


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """One shard of one cell. It can be pickled.

    Attributes:
        cell: the cell, in a form that only the worker reads.
        shard: index of the shard, from 0.
    """

    cell: Any
    shard: int


@dataclass(frozen=True, kw_only=True)
class FinishedShard:
    """The outcome of a task.

    Attributes:
        task: the task.
        result: the shard's result, which only the host reads. It can be pickled; None if the task failed.
        error: why the task failed; None if it did not.
    """

    task: ShardTask
    result: Any = None
    error: RobustHashError | None = None


Work = Callable[[ShardTask], FinishedShard]  #: runs one task; a failure is returned in the result, not raised


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What an executor needs to run tasks.

    Attributes:
        here: runs a task in this process, with the models that are already loaded.
        elsewhere: returns such a function for another process, where it loads what it needs once. It can be pickled.
        settings: plain values of the run that help to place workers: ``dataset``, ``device``.
    """

    here: Work
    elsewhere: Callable[[], Work]
    settings: Mapping[str, Any]


class Running(ABC):
    """A started executor, in use until its run ends."""

    @abstractmethod
    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        """Runs the shards of all cells side by side, in any order, and yields each when it ends.

        A task is taken from the iterator when a worker is free for it, or a few ahead of that: with the first task of a
        cell, this process makes the cell's victim. It is taken inside ``next`` of what this method returns, in the same
        thread. A task that fails is yielded like any other, and the rest is run: this process hands out no more tasks
        of its cell. It is called again, when all tasks are done, for cells that another run had been working on.

        Args:
            tasks: shards, cell after cell; to be iterated once, to the end.

        Raises:
            StorageError: workers cannot be started, or die, so that no task can be run.
        """


class Executor(ABC):
    """Runs shards: a frozen dataclass of options.

    Seeds per query and a fixed compute shape give a shard the same bytes wherever it runs on one kind of machine.
    """

    @abstractmethod
    def start(self, workplace: Workplace) -> AbstractContextManager[Running]:
        """Starts what it needs, such as workers; leaving the context stops them, also when the run is interrupted.

        Args:
            workplace: what it needs to run tasks.
        """


@contextmanager
def in_use(executor: Executor, workplace: Workplace) -> Iterator[Running]:
    """An executor in use; its faults are its own, and one while it stops is a warning, as the numbers are there.

    Args:
        executor: the executor.
        workplace: what it needs to run tasks.

    Raises:
        PluginError: it could not be started.
    """
    place = ExitStack()
    with foreign(executor, "start"):
        entered = place.enter_context(executor.start(workplace))
    if not isinstance(entered, Running):
        raise breach(executor, f"started a {type(entered).__name__}", hint="yield a Running from `start`")
    own(entered, whose(executor))
    try:
        yield entered
    finally:
        warned(executor, "stop", place.close)


def run_tasks(running: Running, tasks: Iterable[ShardTask]) -> Generator[FinishedShard, None, None]:
    """Runs tasks, and checks what is said of each.

    Args:
        running: a started executor.
        tasks: shards of any cells. Exceptions of the iterator would be taken for the executor's: it raises none.

    Raises:
        PluginError: the executor failed, returned something else, or did not run all tasks.
        StorageError: no worker is left.
    """
    handed = _Handed(running, tasks)
    with ExitStack() as stack:
        with handed.calling():
            finished = iter(running.run(handed))
        if isinstance(finished, Generator):  # what it does at its end is not to wait until an error is forgotten
            stack.callback(warned, running, "give up the rest of a run", finished.close)
        while True:
            with handed.calling():
                one = next(finished, None)
            if one is None:
                break
            handed.take_back(one)
            yield one
    handed.require_all_back()


class _Handed(Iterator[ShardTask]):
    """The tasks as an executor takes them: the process's own code that makes them is none of its own.

    Args:
        running: the executor.
        tasks: what it is to run.
    """

    def __init__(self, running: Running, tasks: Iterable[ShardTask]) -> None:
        self._running = running
        self._tasks = iter(tasks)
        self._out: list[ShardTask] = []
        self._all = False
        self._call: foreign | None = None
        self._thread = threading.get_ident()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """A call of the executor, in which it may take tasks."""
        with foreign(self._running, "run shards") as call:
            self._call = call
            try:
                yield
            finally:
                self._call = None

    def __next__(self) -> ShardTask:
        if self._call is None or threading.get_ident() != self._thread:
            raise breach(self._running, "took a task in another thread", hint="take tasks inside `run`, as it yields")
        with self._call.paused():
            task = next(self._tasks, None)
        if task is None:
            self._all = True
            raise StopIteration
        self._out.append(task)
        return task

    def take_back(self, one: object) -> None:
        """Checks that this is what has become of a task that is out.

        Raises:
            ContractError: it is not.
        """
        if not isinstance(one, FinishedShard) or one.task not in self._out:
            raise breach(self._running, f"yielded {type(one).__name__}", hint="yield one FinishedShard for each task")
        self._out.remove(one.task)

    def require_all_back(self) -> None:
        """Checks that every task has been run.

        Raises:
            ContractError: one has not.
        """
        if self._out:
            lost = sorted({task.shard for task in self._out})
            raise breach(self._running, f"did not run shards {lost}", hint="run every task")
        if not self._all:
            raise breach(self._running, "stopped before all tasks were done", hint="go on after a task that failed")
