"""Worker processes: each loads what it needs once, and is asked for one shard after another over a pipe of its own.

A queue that all share would do with less, but its lock stays locked where a worker is killed that holds it; and whose
task is lost with a worker would not be known.
"""

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess

import torch

from robusthash.allocation import keep_freed_memory
from robusthash.boundary import blaming, foreign, told
from robusthash.contracts import FinishedShard, Running, ShardTask
from robusthash.errors import RobustHashError, StorageError, UsageError
from robusthash.processes import end_with_parent

Make = Callable[[], Callable[[ShardTask], FinishedShard]]  #: creates the function that runs tasks

_IMPORTABLE = "define its class in a module that can be imported, not in a notebook or a function; or omit workers"
_TRIES = 2  #: workers that a task may take with it
_PATIENCE = 5.0  #: seconds in which a worker ends that is asked to


@dataclass(frozen=True, eq=False)
class _Errand:
    """A task, and how many workers have died of it."""

    task: ShardTask
    lost: int = 0


@dataclass(eq=False, kw_only=True)
class _Worker:
    """A worker process.

    Attributes:
        process: the process.
        pipe: for tasks and answers.
        serves: whether it has come so far as to take tasks.
        errand: what it is running; None if it is free.
    """

    process: SpawnProcess
    pipe: Connection
    serves: bool = False
    errand: _Errand | None = None

    def begin(self, errand: _Errand) -> None:
        """Sends a task."""
        self.errand = errand
        with suppress(OSError):  # it has just died, which its pipe tells
            self.pipe.send(errand.task)

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self.process.terminate()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


class Pool(Running):
    """Worker processes, each started for the first task that finds none free.

    Args:
        make: creates what runs tasks in a worker. It can be pickled.
        most: number of processes.
    """

    def __init__(self, make: Make, most: int) -> None:
        self._make = _pickled(make)
        self._most = most
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._again: list[_Errand] = []

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:  # noqa: D102 - as in the base class
        left = iter(tasks)
        try:
            # The next task is there before a worker asks for it, so that none waits while its victim is made.
            while (errand := self._next(left)) or self._busy():
                while errand and (free := self._free()):
                    free.begin(errand)
                    errand = self._next(left)
                for worker in self._ready():
                    finished = self._answer(worker)
                    if errand and worker in self._workers and worker.errand is None:
                        worker.begin(errand)
                        errand = None
                    if finished is not None:
                        yield finished
                if errand:
                    self._again.insert(0, errand)
        finally:
            for worker in self._busy():  # the run was given up
                self._remove(worker)
            self._again.clear()

    def close(self) -> None:
        """Ends all workers."""
        for worker in list(self._workers):
            self._remove(worker)

    def _next(self, left: Iterator[ShardTask]) -> _Errand | None:
        """The next task, of a worker that has died or of a cell that may have to be prepared; None if there is none."""
        if self._again:
            return self._again.pop(0)
        task = next(left, None)
        return None if task is None else _Errand(task)

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.errand is not None]

    def _free(self) -> _Worker | None:
        """A worker without a task, started if need be; None if all have one."""
        for worker in [one for one in self._workers if one.errand is None]:
            if worker.process.is_alive():
                return worker
            self._remove(worker)
        if len(self._workers) == self._most:
            return None
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(self._make, there, torch.get_num_threads()), daemon=True)
        process.start()
        there.close()  # so that the pipe ends with the worker
        self._workers.append(_Worker(process=process, pipe=here))
        return self._workers[-1]

    def _ready(self) -> list[_Worker]:
        """Workers that have something to say, or have died; it waits for one."""
        busy = {one.pipe: one for one in self._busy()}
        return [busy[pipe] for pipe in wait(list(busy)) if isinstance(pipe, Connection)]

    def _answer(self, worker: _Worker) -> FinishedShard | None:
        """What a worker says; None if it has started, or has died and another will run its task."""
        try:
            answer: FinishedShard | None = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_PATIENCE)
            self._remove(worker)
            return self._lost(worker)
        if answer is None:
            worker.serves = True
        else:
            worker.errand = None
        return answer

    def _lost(self, worker: _Worker) -> FinishedShard | None:
        """What becomes of the task of a worker that has died: another runs it; or it has failed.

        Raises:
            StorageError: workers die before they take a task.
        """
        errand, code = worker.errand, worker.process.exitcode
        if errand is None:
            return None
        if errand.lost + 1 < _TRIES:
            self._again.append(_Errand(errand.task, errand.lost + 1))
            return None
        if not worker.serves:
            raise StorageError(
                f"a worker process died with exit code {code} while it started",
                hint="finished shards are kept: run again, with fewer --workers if memory ran out; "
                'a script must evaluate under `if __name__ == "__main__":`',
            )
        error = RobustHashError(
            f"a worker process died with exit code {code} while it ran shard {errand.task.shard}, and so did another",
            hint="finished shards are kept: run again, with fewer --workers if memory ran out, or without to see why",
        )
        return FinishedShard(task=errand.task, error=error)

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()


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


def _serve(make: bytes, pipe: Connection, threads: int) -> None:
    """Serves tasks in a worker process, until it is terminated or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    end_with_parent()
    keep_freed_memory()
    torch.set_num_threads(threads)
    pipe.send(None)
    work: Callable[[ShardTask], FinishedShard] | None = None
    while True:
        try:
            task: ShardTask = pipe.recv()
        except EOFError:
            return
        try:
            with foreign(None, "run a shard in a worker process"):
                work = work or _unpickled(make)()
                pipe.send(work(task))
        except RobustHashError as error:
            pipe.send(FinishedShard(task=task, error=error))
        except Exception as error:  # a fault of ours; it may not be picklable, and its text is
            pipe.send(FinishedShard(task=task, error=blaming(None, "run a shard").translated(error)))
