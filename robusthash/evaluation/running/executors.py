"""The core's executors: in this process, and in worker processes, which load what they need once."""

import multiprocessing
import pickle
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue

import torch

from robusthash.boundary import blaming, foreign, told
from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.errors import OptionError, RobustHashError, StorageError, UsageError
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.host import PluginHost, PluginKind, PluginOptions
from robusthash.limits import MOST_WORKERS
from robusthash.processes import end_with_parent

Make = Callable[[], Callable[[ShardTask], FinishedShard]]  #: creates the function that runs tasks

_NOTHING: PluginOptions = {}
_IMPORTABLE = "define its class in a module that can be imported, not in a notebook or a function; or omit workers"
_POLL = 1.0  #: seconds between checks for workers that have died


@dataclass(frozen=True, kw_only=True)
class Local(Executor):
    """Runs shards in this process, one after another."""

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:  # noqa: D102 - as in the base class
        yield _Here(workplace)


class _Here(Running):
    def __init__(self, workplace: Workplace) -> None:
        self._work = workplace.here

    def run(self, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        for task in tasks:
            finished = self._work(task)
            yield finished
            if finished.error is not None:
                return


@dataclass(frozen=True, kw_only=True)
class Processes(Executor):
    """Runs shards in worker processes; each uses as many threads as a run without workers.

    Raises:
        OptionError: there is no worker.
    """

    workers: int = 2  #: number of processes

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise OptionError(f"workers={self.workers}", hint=f"from 1 to {MOST_WORKERS}")

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:  # noqa: D102 - as in the base class
        context = multiprocessing.get_context("spawn")
        tasks: Queue[ShardTask] = context.Queue()
        answers: Queue[FinishedShard] = context.Queue()
        arguments = (_pickled(workplace.elsewhere), tasks, answers, torch.get_num_threads())
        processes = [context.Process(target=_serve, args=arguments, daemon=True) for _ in range(self.workers)]
        try:
            for process in processes:
                process.start()
            yield _Pool(processes, tasks, answers)
        finally:
            for process in processes:
                if process.pid is not None:
                    process.terminate()
                    process.join()
            for channel in (tasks, answers):
                channel.cancel_join_thread()
                channel.close()  # ends its thread


class _Pool(Running):
    def __init__(
        self,
        processes: Sequence[BaseProcess],
        tasks: "Queue[ShardTask]",
        answers: "Queue[FinishedShard]",
    ) -> None:
        self._processes = processes
        self._tasks = tasks
        self._answers = answers

    def run(self, tasks: Sequence[ShardTask]) -> Iterator[FinishedShard]:
        for task in tasks:
            self._tasks.put(task)
        for _ in tasks:
            yield self._next()

    def _next(self) -> FinishedShard:
        while True:
            try:
                return self._answers.get(timeout=_POLL)
            except queue.Empty:
                dead = [process.exitcode for process in self._processes if process.exitcode is not None]
                if dead:
                    raise StorageError(
                        f"a worker process died with exit code {dead[0]}",
                        hint="finished shards are kept: run again, with fewer --workers if memory ran out; "
                        'a script must evaluate under `if __name__ == "__main__":`',
                    ) from None


def choose_executor(
    host: PluginHost, name: str | None, *, workers: int = 1, options: PluginOptions = _NOTHING
) -> Executor:
    """An executor by name; by default this process, or worker processes on this machine.

    Args:
        host: the plugins.
        name: registered name; None is worker processes if there are several workers, else this process.
        workers: number of worker processes; not for executors that are named.
        options: by plugin name, then by field.

    Raises:
        UnknownNameError: nothing is registered under the name.
        OptionError: workers are set for a named executor, or an option is wrong.
    """
    if name is None:
        return Processes(workers=workers) if workers > 1 else Local()
    if workers > 1:
        raise OptionError(
            f"--workers {workers} cannot be combined with --executor {name}", hint=f"use -o {name}.workers={workers}"
        )
    return Plugins(host, options).choose(PluginKind.EXECUTOR, name, Executor).plugin


def _pickled(make: Make) -> bytes:
    """Pickles what creates a worker; here, because errors in a worker's start cannot be reported.

    Raises:
        UsageError: an object in the plan cannot be pickled.
    """
    try:
        return pickle.dumps(make)
    except Exception as error:  # an object's own pickling may raise anything
        raise UsageError(f"an object cannot be sent to worker processes: {told(error)}", hint=_IMPORTABLE) from error


def _unpickled(make: bytes) -> Make:
    try:
        found: Make = pickle.loads(make)  # noqa: S301 - pickled by the parent
    except (AttributeError, ImportError) as error:
        raise UsageError(f"a worker process cannot load an object: {error}", hint=_IMPORTABLE) from error
    return found


def _serve(
    make: bytes,
    tasks: "Queue[ShardTask]",
    answers: "Queue[FinishedShard]",
    threads: int,
) -> None:
    """Serves tasks in a worker process, until it is terminated or its parent is gone."""
    end_with_parent()
    torch.set_num_threads(threads)
    work: Callable[[ShardTask], FinishedShard] | None = None
    while True:
        task = tasks.get()
        try:
            with foreign(None, "run a shard in a worker process"):
                work = work or _unpickled(make)()
                answers.put(work(task))
        except RobustHashError as error:
            answers.put(FinishedShard(task=task, error=error))
        except Exception as error:  # a fault of ours; it may not be picklable, and its text is
            answers.put(FinishedShard(task=task, error=blaming(None, "run a shard").translated(error)))
