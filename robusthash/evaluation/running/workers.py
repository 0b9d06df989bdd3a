"""Worker processes: each loads what it needs once, then takes shard after shard from a queue."""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from types import TracebackType
from typing import Self

import torch

from robusthash.errors import RobustHashError, StorageError
from robusthash.evaluation.crafting.shards import Arrays, run_shard, shard_ranges
from robusthash.evaluation.crafting.shared import Kept
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.running.cells import CellWork, make_ready
from robusthash.evaluation.scoring.bench import Benches
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost

Task = tuple[Cell, int, Kept]  #: a cell, one of its shards, and where images are kept

_POLL = 1.0  #: seconds between looks at whether a worker has died


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A worker's answer: a shard's arrays, or the error that it ended with."""

    shard: int
    arrays: Arrays | None = None
    error: RobustHashError | None = None


class WorkerPool:
    """Processes that run shards. The number of threads is each worker's own, as in a run without workers.

    Args:
        setting: what all cells have in common.
        workers: how many processes.
    """

    def __init__(self, setting: RunSettings, workers: int) -> None:
        context = get_context("spawn")
        self._tasks: Queue[Task | None] = context.Queue()
        self._answers: Queue[Finished] = context.Queue()
        arguments = (setting, self._tasks, self._answers, torch.get_num_threads())
        self._processes: list[BaseProcess] = [
            context.Process(target=_work, args=arguments, daemon=True) for _ in range(workers)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def run(self, cell: Cell, shards: Sequence[int], kept: Kept) -> Iterator[tuple[int, Arrays]]:
        """Runs shards of a cell, and yields each as it ends.

        Args:
            cell: which.
            shards: of it.
            kept: where adversarial images are kept that other cells need too.

        Raises:
            StorageError: a worker died.
            RobustHashError: what a shard ended with, once the others have ended too.
        """
        for shard in shards:
            self._tasks.put((cell, shard, kept))
        error: RobustHashError | None = None
        for _ in shards:
            finished = self._next()
            if finished.arrays is not None:
                yield finished.shard, finished.arrays
            error = error or finished.error
        if error is not None:
            raise error

    def _next(self) -> Finished:
        while True:
            try:
                return self._answers.get(timeout=_POLL)
            except queue.Empty:
                dead = [process.exitcode for process in self._processes if process.exitcode is not None]
                if dead:
                    raise StorageError(
                        f"a worker process died with exit code {dead[0]}",
                        hint="finished shards are kept: run again, with fewer --workers if memory ran out",
                    ) from None


def _work(setting: RunSettings, tasks: "Queue[Task | None]", answers: "Queue[Finished]", threads: int) -> None:
    torch.set_num_threads(threads)
    resources = Resources(setting, PluginHost.load(), lambda _done, _total, _what: None)
    benches = Benches(resources)
    work: CellWork | None = None  # the cell at hand: its job is made once
    while (task := tasks.get()) is not None:
        cell, shard, kept = task
        try:
            if work is None or work.cell != cell:
                work = make_ready(cell, benches, kept=kept)
            rows = shard_ranges(len(work.bench.queries), resources.shard_size)[shard]
            answers.put(Finished(shard=shard, arrays=run_shard(work.job, rows, qualities=setting.qualities)))
        except RobustHashError as error:
            benches.drop(cell.source)  # the attack may have changed the model
            work = None
            answers.put(Finished(shard=shard, error=error))
        except Exception as error:
            # Whatever it is, it may not survive the way to the parent; its text does.
            answers.put(Finished(shard=shard, error=RobustHashError(f"{type(error).__name__}: {error}")))
