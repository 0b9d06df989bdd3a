"""The workers of a run: each has one task at a time, and one that dies is replaced."""

import pickle
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from robusthash.contracts import FinishedShard, Running, ShardTask
from robusthash.errors import MemoryLimitError, RobustHashNote, StorageError
from robusthash_ray.cluster import Cluster

_PATIENCE = 60.0  #: seconds without any worker, after which this is told


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """A task, and how many workers have died of it."""

    task: ShardTask
    deaths: int = 0


class Pool(Running):
    """Actors of a Ray cluster.

    Args:
        cluster: that this process is connected to.
        create: creates an actor.
        workers: number of actors.
        retries: how often a task is tried again after its worker has died.
    """

    def __init__(self, cluster: Cluster, create: Callable[[], Any], workers: int, *, retries: int) -> None:
        self._cluster, self._ray = cluster, cluster.ray
        self._create = create
        self._retries = retries
        self._idle: deque[Any] = deque()
        #: by the answer that they are waited for: workers that start, or finish what nobody waits for any more
        self._coming: dict[Any, Any] = {}
        self._stillborn = 0
        self._told = False
        for _ in range(workers):
            self._add()

    def close(self) -> None:
        """Ends all workers, whatever they are doing."""
        for actor in [*self._idle, *self._coming.values()]:
            self._end(actor)
        self._idle.clear()
        self._coming.clear()

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:  # noqa: D102 - as in the base class
        source, again = iter(tasks), deque[_Attempt]()
        busy: dict[Any, tuple[Any, _Attempt]] = {}
        waiting, ahead = time.monotonic(), None
        try:
            while True:
                ahead = ahead or _next(again, source)  # while workers compute, this process makes the next model
                while self._idle and ahead is not None:
                    actor = self._idle.popleft()
                    busy[actor.run.remote(ahead.task)] = actor, ahead
                    ahead = _next(again, source)
                if ahead is None and not busy:
                    return
                done = self._cluster.answered([*busy, *self._coming])
                if busy or done:
                    waiting = time.monotonic()
                elif time.monotonic() - waiting > _PATIENCE:
                    self._tell_waiting()
                for answer in done:
                    if answer in busy:
                        actor, attempt = busy.pop(answer)
                        finished = self._finished(answer, actor, attempt, again)
                        if finished is not None:
                            yield finished
                    else:
                        self._arrived(answer)
        finally:
            for answer, (actor, _) in busy.items():
                self._coming[answer] = actor

    def _finished(self, answer: Any, actor: Any, attempt: _Attempt, again: deque[_Attempt]) -> FinishedShard | None:
        """What became of a task; None if its worker has died and another is to run it again."""
        task = attempt.task
        try:
            found: FinishedShard = pickle.loads(self._ray.get(answer))  # noqa: S301 - a worker of this run's own
        except self._ray.exceptions.RayError as error:
            self._end(actor)
            self._add()
            if attempt.deaths < self._retries:
                again.append(_Attempt(task=task, deaths=attempt.deaths + 1))
                return None
            died = MemoryLimitError(
                f"shard {task.shard} has ended {attempt.deaths + 1} workers, one after the other: {_reason(error)}",
                hint="if memory ran out, lower ray.workers or --shard-size; finished shards are kept",
            )
            return FinishedShard(task=task, error=died)
        self._idle.append(actor)
        return FinishedShard(task=task, result=found.result, error=found.error)

    def _arrived(self, answer: Any) -> None:
        """A worker has started, or has finished what nobody waits for.

        Raises:
            StorageError: workers die before they have done anything.
        """
        actor = self._coming.pop(answer)
        try:
            self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            self._end(actor)
            self._stillborn += 1
            if self._stillborn > self._retries:
                raise StorageError(
                    f"{self._stillborn} workers of the Ray cluster could not start: {_reason(error)}",
                    hint="every machine of the cluster needs robusthash-ray, and the same versions of Python and Ray",
                ) from error
            self._add()
            return
        self._idle.append(actor)

    def _add(self) -> None:
        actor = self._create()
        self._coming[actor.ready.remote()] = actor

    def _end(self, actor: Any) -> None:
        self._ray.kill(actor, no_restart=True)

    def _tell_waiting(self) -> None:
        if not self._told:
            self._told = True
            free = {name: self._ray.available_resources().get(name, 0) for name in ("CPU", "GPU")}
            warnings.warn(
                f"no worker has started for {_PATIENCE:g} s: the Ray cluster has {free['CPU']:g} CPUs and "
                f"{free['GPU']:g} GPUs free; the run waits for it",
                RobustHashNote,
                stacklevel=2,
            )


def _next(again: deque[_Attempt], source: Iterator[ShardTask]) -> _Attempt | None:
    if again:
        return again.popleft()
    task = next(source, None)
    return None if task is None else _Attempt(task=task)


def _reason(error: BaseException) -> str:
    """The end of what Ray says of a death, which is where the cause is."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:150]} ... {text[-150:]}"
