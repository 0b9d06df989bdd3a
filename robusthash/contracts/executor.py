"""What runs the shards of an evaluation: in this process, in others, on other machines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from robusthash.errors import RobustHashError


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """One shard of one cell. It can be pickled.

    Attributes:
        cell: which cell; for the worker alone.
        shard: which of its shards.
    """

    cell: Any
    shard: int


@dataclass(frozen=True, kw_only=True)
class FinishedShard:
    """What a task came to.

    Attributes:
        task: which.
        result: the shard's result, for the host alone; it can be pickled. None if it failed.
        error: why it failed; None if it did not.
    """

    task: ShardTask
    result: Any = None
    error: RobustHashError | None = None


Work = Callable[[ShardTask], FinishedShard]  #: runs one task; it raises nothing but what ends the process


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What an executor needs to run tasks.

    Attributes:
        here: runs a task in this process, with the models that are loaded already.
        elsewhere: makes such a function in another process, where it loads what it needs once; it can be pickled.
        settings: the run's, as plain values, for whoever places workers: device, dataset ...
    """

    here: Work
    elsewhere: Callable[[], Work]
    settings: Mapping[str, Any]


class Running(ABC):
    """An executor at work, for the length of a run."""

    @abstractmethod
    def run(self, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        """Runs tasks in any order, and yields each as it ends. After one that failed it may stop.

        Raises:
            StorageError: a worker died, and its tasks cannot be given to another.
        """


class Executor(ABC):
    """A place where shards are run: a frozen dataclass of options.

    Per-sample seeds and a fixed compute shape make a shard the same bytes wherever it is run on one kind of machine.
    """

    @abstractmethod
    def start(self, workplace: Workplace) -> AbstractContextManager[Running]:
        """Starts whatever it needs; its exit stops all of it, an interrupted run's too."""
