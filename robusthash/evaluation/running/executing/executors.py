"""The core's executors, and which of all is chosen."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.errors import OptionError
from robusthash.evaluation.running.executing.workers import Pool
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.host import PluginHost, PluginKind, PluginOptions
from robusthash.limits import MOST_WORKERS

_NOTHING: PluginOptions = {}


@dataclass(frozen=True, kw_only=True)
class Local(Executor):
    """Runs shards in this process, one after another."""

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:  # noqa: D102 - as in the base class
        yield _Here(workplace)


class _Here(Running):
    def __init__(self, workplace: Workplace) -> None:
        self._work = workplace.here

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
        yield from map(self._work, tasks)


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
        pool = Pool(workplace.elsewhere, self.workers)
        try:
            yield pool
        finally:
            pool.close()


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
