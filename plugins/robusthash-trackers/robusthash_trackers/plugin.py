"""The observer: passes a run to the trackers that ``ROBUSTHASH_TRACKERS`` names. Importable without torch.

Nothing is tracked, and no tracker's library is imported, unless the variable names it: a list of ``mlflow``, ``wandb``
and ``tensorboard``. Each reads the settings that its own library reads from the environment.
"""

import os
from typing import TYPE_CHECKING

from robusthash import hookimpl
from robusthash.errors import UsageError
from robusthash_trackers.telling import finished_cell, named_run
from robusthash_trackers.tracker import Tracker, tracker

if TYPE_CHECKING:
    from robusthash.events import CellInfo, EpochInfo, ErrorInfo, RunEnd, RunInfo
    from robusthash.results import Record

VARIABLE = "ROBUSTHASH_TRACKERS"


class Trackers:
    """The trackers of the run that is observed; none before one starts."""

    def __init__(self) -> None:
        self._open: list[Tracker] = []
        self._cells = 0

    @hookimpl
    def robusthash_run_started(self, cells: int, settings: "RunInfo") -> None:
        """Opens the trackers, and tells them the request."""
        self._close(complete=False)  # a run that was killed told no end
        self._cells = 0
        for name in chosen(os.environ.get(VARIABLE, "")):
            self._open.append(tracker(name, named_run(settings), {"cells": cells, **settings.plain()}))

    @hookimpl
    def robusthash_epoch_finished(self, epoch: "EpochInfo") -> None:
        """Adds a point to the curves of a training: its loss, and all else that an attack tells while it learns."""
        values = {"loss": epoch.loss, **epoch.losses} | ({} if epoch.map is None else {"map": epoch.map})
        for one in self._open:
            one.add({f"training/{epoch.training}/{name}": value for name, value in values.items()}, step=epoch.epoch)

    @hookimpl
    def robusthash_cell_finished(self, record: "Record", reused: bool) -> None:
        """Adds the numbers of a cell, new or stored before."""
        self._cells += 1
        if not self._open:
            return
        values = finished_cell(record) | {"cells/reused": float(reused)}
        for one in self._open:
            one.add(values, step=self._cells)

    @hookimpl
    def robusthash_cell_failed(self, cell: "CellInfo", owner: str, error: "ErrorInfo") -> None:
        """Notes what failed, and whose fault it is."""
        for one in self._open:
            one.note(f"failed/{cell.attack} on {cell.model}", f"{owner}: {error.kind}: {error.message}")

    @hookimpl
    def robusthash_run_finished(self, records: "tuple[Record, ...]", seconds: float, end: "RunEnd") -> None:
        """Adds the run's own numbers, and closes the trackers."""
        for one in self._open:
            numbers = {"run/seconds": seconds, "run/records": float(len(records)), "run/failed": float(end.failed)}
            one.add(numbers, step=self._cells)
            one.note("run/end", end.how.value)
        self._close(complete=end.how.value == "complete")

    def _close(self, *, complete: bool) -> None:
        closing, self._open = self._open, []
        for one in closing:
            one.close(complete=complete)


def chosen(text: str) -> list[str]:
    """The trackers that a list names, each once.

    Raises:
        UsageError: there is no such tracker.

    >>> chosen("mlflow, tensorboard")
    ['mlflow', 'tensorboard']
    """
    known = ("mlflow", "wandb", "tensorboard")
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in known:
            raise UsageError(f"unknown tracker {name!r} in {VARIABLE}", hint=f"known: {', '.join(known)}")
    return list(names)


observer = Trackers()
