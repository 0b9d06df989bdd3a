"""A worker: a process of the cluster that loads what it needs once, and runs one shard after another."""

import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from robusthash.allocation import keep_freed_memory
from robusthash.contracts import FinishedShard, ShardTask, Work
from robusthash.errors import RobustHashError, StorageError

_PASSED = ("PYTHONPATH", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME", "CUBLAS_WORKSPACE_CONFIG")
_PREFIX = "ROBUSTHASH_"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a worker has like the process that started the run: both must compute the same.

    Attributes:
        folder: the working folder, in which relative paths are looked up.
        path: where Python looks for modules.
        threads: of torch.
    """

    folder: str
    path: tuple[str, ...]
    threads: int

    @classmethod
    def here(cls) -> "Surroundings":
        """Those of this process."""
        return cls(folder=str(Path.cwd()), path=tuple(sys.path), threads=torch.get_num_threads())

    def enter(self) -> None:
        """Makes them those of this process.

        Raises:
            StorageError: there is no such folder on this machine.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise StorageError(
                f"a worker on {os.uname().nodename} has no folder {self.folder}",
                hint="run in a folder that all machines of the cluster see, as the cache and the data must be",
            ) from error
        sys.path += [one for one in self.path if one not in sys.path]
        keep_freed_memory()
        torch.set_num_threads(self.threads)


def environment(cache: Path, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that workers get: this package's own, and those that decide where files are. Nothing else.

    Args:
        cache: the cache's folder, which all share.
        variables: of this process.
    """
    passed = {name: value for name, value in variables.items() if name in _PASSED or name.startswith(_PREFIX)}
    threads = variables.get("OMP_NUM_THREADS", str(torch.get_num_threads()))
    return {**passed, f"{_PREFIX}CACHE": str(cache), "OMP_NUM_THREADS": threads}


class Worker:
    """Runs shards, and returns what happened as bytes: arrays that Ray itself carries cannot be written to.

    Args:
        make: pickled; creates the function that runs a task.
        surroundings: of the process that started the run.
    """

    def __init__(self, make: bytes, surroundings: Surroundings) -> None:
        self._make = make
        self._surroundings: Surroundings | None = surroundings
        self._work: Work | None = None

    def ready(self) -> int:
        """Its process, once it has one."""
        return os.getpid()

    def run(self, task: ShardTask) -> bytes:
        """What became of a task, as a pickled :class:`FinishedShard`. Nothing is raised."""
        try:
            return pickle.dumps(self._made()(task))
        except RobustHashError as error:
            return pickle.dumps(FinishedShard(task=task, error=error))
        except Exception as error:  # it may not be picklable, and its text is
            fault = RobustHashError(
                f"a Ray worker on {os.uname().nodename} could not run shard {task.shard}: "
                f"{type(error).__name__}: {error}",
                hint="every machine of the cluster needs the same Python packages",
            )
            return pickle.dumps(FinishedShard(task=task, error=fault))

    def _made(self) -> Work:
        if self._surroundings is not None:
            self._surroundings.enter()
            self._surroundings = None
        if self._work is None:
            self._work = pickle.loads(self._make)()  # noqa: S301 - pickled by the process that started the run
        assert self._work is not None  # noqa: S101 - just made
        return self._work
