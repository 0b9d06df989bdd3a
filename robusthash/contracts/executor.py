"""Executors run the shards of an evaluation: in this process, in other processes, or on other machines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    def run(self, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        """Runs tasks in any order, and yields each when it ends. It may stop after a failure.

        Args:
            tasks: shards of one cell.

        Raises:
            StorageError: a worker died, and its tasks cannot be moved to another.
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


def run_tasks(running: Running, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
    """Runs tasks, and checks what is said of each.

    Args:
        running: a started executor.
        tasks: shards of one cell.

    Raises:
        PluginError: the executor failed, or returned something else.
        StorageError: a worker died.
    """
    nothing = object()
    with foreign(running, f"run {len(tasks)} shards"):
        finished = iter(running.run(tasks))
    left = {task.shard for task in tasks}
    while True:
        with foreign(running, f"run {len(tasks)} shards"):
            one = next(finished, nothing)
        if one is nothing:
            return
        if not isinstance(one, FinishedShard) or one.task.shard not in left:
            raise breach(running, f"yielded {type(one).__name__}", hint="yield one FinishedShard for each task")
        left.remove(one.task.shard)
        yield one
