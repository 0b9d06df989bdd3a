"""Tells observers how a run goes, and how it ends, however that is."""

import time
from bisect import bisect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from robusthash.contracts import Executor
from robusthash.epsilon import Edits, Radius
from robusthash.evaluation.planning.names import shown
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.running.recording.outcome import Failure, RunOutcome
from robusthash.events import CellInfo, Ending, ErrorInfo, RunEnd, RunInfo
from robusthash.host import PluginHost
from robusthash.results import Record
from robusthash.specs import Norm


@dataclass(frozen=True, kw_only=True)
class Observed:
    """A run that observers are told of, and its outcome, which grows.

    Attributes:
        host: the plugins, with their observers.
        outcome: what has been evaluated.
        places: positions in the plan of the outcome's records.
        failed_places: likewise, of its failures.
    """

    host: PluginHost
    outcome: RunOutcome
    places: list[int] = field(default_factory=list)
    failed_places: list[int] = field(default_factory=list)

    def finished(self, record: Record, place: int, *, reused: bool) -> None:
        """Adds a record to the outcome, in the order of the plan, and tells of it when it is there.

        Args:
            record: the record.
            place: position of its cell in the plan.
            reused: whether it had been stored before.
        """
        at = bisect(self.places, place)
        self.places.insert(at, place)
        self.outcome.records.insert(at, record)
        if reused:
            self.outcome.reused.add(record.digest)
        self.host.notify("robusthash_cell_finished", record=record, reused=reused)

    def failed(self, failure: Failure, place: int) -> None:
        """Adds a failure to the outcome, in the order of the plan, and tells of it when it is there.

        Args:
            failure: the failure.
            place: position of its cell in the plan.
        """
        at = bisect(self.failed_places, place)
        self.failed_places.insert(at, place)
        self.outcome.failures.insert(at, failure)
        self.host.notify(
            "robusthash_cell_failed",
            cell=_cell_info(failure.cell),
            owner=failure.owner,
            error=ErrorInfo.of(failure.error),
        )


@contextmanager
def observed(
    request: Request, host: PluginHost, cells: int, *, results: Path, executor: Executor, force: bool
) -> Iterator[Observed]:
    """Tells observers of the start of a run, and of its end: also if it is interrupted, or dies.

    Args:
        request: the grid.
        host: the plugins.
        cells: number of cells.
        results: the results folder.
        executor: what runs shards.
        force: whether stored cells are evaluated again.
    """
    started = time.monotonic()
    outcome = RunOutcome()
    info = run_info(request, results=results, executor=executor, force=force)
    host.notify("robusthash_run_started", cells=cells, settings=info)
    how, error = Ending.DIED, None
    try:
        yield Observed(host=host, outcome=outcome)
        how = Ending.INCOMPLETE if outcome.failures else Ending.COMPLETE
    except KeyboardInterrupt:
        how = Ending.INTERRUPTED
        raise
    except BaseException as caught:
        error = ErrorInfo.of(caught)
        raise
    finally:
        host.notify(
            "robusthash_run_finished",
            records=tuple(outcome.records),
            seconds=time.monotonic() - started,
            end=RunEnd(how=how, failed=len(outcome.failures), error=error),
        )


def run_info(request: Request, *, results: Path, executor: Executor, force: bool) -> RunInfo:
    """A request as observers are told of it: all of it, and every object by its name.

    Args:
        request: the grid.
        results: the results folder.
        executor: what runs shards.
        force: whether stored cells are evaluated again.
    """
    grid = {each.name: _named(getattr(request, each.name)) for each in fields(Request) if each.name != "setting"}
    grid["epsilons"] = tuple(_told(one) for one in request.epsilons)
    setting = {each.name: _named(getattr(request.setting, each.name)) for each in fields(RunSettings)}
    return RunInfo(**grid, **setting, results=str(results), executor=type(executor).__name__, force=force)


def _cell_info(cell: Cell) -> CellInfo:
    return CellInfo(
        model=shown(cell.victim.model),
        bits=cell.victim.bits,
        defense=shown(cell.victim.defense) if cell.victim.defense else None,
        attack=shown(cell.attack),
        options=_named(dict(cell.options)),
        epsilon=cell.radius.size,
        norm=cell.radius.norm,
        surrogate=shown(cell.surrogate.model) if cell.surrogate else None,
        direction=cell.direction,
    )


def _told(epsilon: Radius | Norm | float) -> float | str:
    if isinstance(epsilon, Radius):
        return epsilon.size if epsilon.norm is Norm.LINF else epsilon.text
    return epsilon


def _named(value: Any) -> Any:
    """A value with names in place of objects."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _named(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_named(one) for one in value)
    return str(value) if isinstance(value, Path | Edits) else shown(value)
