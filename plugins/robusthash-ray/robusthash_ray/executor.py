"""Runs shards on a Ray cluster (Moritz et al., "Ray: a distributed framework for emerging AI applications", 2018)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from robusthash.contracts import Executor, Running, Workplace
from robusthash.errors import OptionError, RobustHashNote, UsageError
from robusthash.files.caching import cache_folder
from robusthash_ray.cluster import connected
from robusthash_ray.pool import Pool
from robusthash_ray.worker import Surroundings, Worker, environment


@dataclass(frozen=True, kw_only=True)
class Ray(Executor):
    """Workers on a Ray cluster. Each loads a model once, and keeps it.

    What is in files, such as checkpoints and decoded images, workers read from the cache, which all machines must see
    at the same path, as they must the data and the working folder. The plan, with models in memory, and the results go
    through Ray's object store.

    Raises:
        OptionError: a value is outside its range.
    """

    address: str | None = None  #: of a cluster to join: auto, or host:port; none starts one here, for this run
    workers: int | None = None  #: number of workers; none is as many as the cluster has room for
    cpus: float = 1.0  #: cores that a worker asks for
    gpus: float | None = None  #: GPUs that a worker asks for, such as 0.25; none is one if the run computes on GPUs
    retries: int = 2  #: how often a shard is run again whose worker has died

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise OptionError(f"workers={self.workers}", hint="at least 1")
        if not self.cpus > 0:
            raise OptionError(f"cpus={self.cpus}", hint="more than 0, such as 1")
        if self.gpus is not None and not (0 <= self.gpus <= 1 or self.gpus == int(self.gpus)):
            raise OptionError(f"gpus={self.gpus}", hint="a share of one, such as 0.25, or a whole number")
        if self.retries < 0:
            raise OptionError(f"retries={self.retries}", hint="at least 0")

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:  # noqa: D102 - as in the base class
        gpus = self.gpus if self.gpus is not None else float(workplace.settings.get("device") == "cuda")
        with connected(self.address) as cluster:
            ray, workers = cluster.ray, self._capped(cluster.room(self.cpus, gpus))
            make = ray.put(_pickled(ray, workplace))
            actor = ray.remote(Worker).options(
                num_cpus=0 if cluster.own else self.cpus,
                num_gpus=gpus,
                max_restarts=0,
                scheduling_strategy="SPREAD",
                runtime_env={"env_vars": environment(cache_folder())},
            )
            surroundings = Surroundings.here()
            pool = Pool(cluster, lambda: actor.remote(make, surroundings), workers, retries=self.retries)
            try:
                yield pool
            finally:
                pool.close()

    def _capped(self, room: int) -> int:
        """How many workers are started: as many as are asked for, if there is room. More would wait without a word."""
        if self.workers is not None and self.workers > room:
            warnings.warn(
                f"ray.workers={self.workers}, and the Ray cluster has room for {room}: so many are started",
                RobustHashNote,
                stacklevel=2,
            )
        return min(self.workers or room, room)


def _pickled(ray: ModuleType, workplace: Workplace) -> bytes:
    """What makes a worker, with classes of a script or a notebook by value.

    Raises:
        UsageError: an object in the plan cannot be pickled.
    """
    try:
        pickled: Any = ray.cloudpickle.dumps(workplace.elsewhere)
    except Exception as error:  # an object's own pickling may raise anything
        raise UsageError(
            f"an object cannot be sent to workers: {type(error).__name__}: {error}",
            hint="pass objects that can be pickled, or run without --executor",
        ) from error
    return bytes(pickled)
