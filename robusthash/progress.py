"""Bars for long steps, on a terminal and in a notebook."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Report = Callable[[int, int, str], None]  #: called with (done, total, what)


@contextmanager
def bars(console: "Console") -> Iterator[Report]:
    """A bar for each step that is under way; a finished one goes.

    Args:
        console: a terminal's or a notebook's.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    shown: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as running:

        def report(done: int, total: int, what: str) -> None:
            if what not in shown:
                shown[what] = running.add_task(what, total=total)
            running.update(shown[what], completed=done, total=total)
            if done >= total:
                running.remove_task(shown.pop(what))

        yield report
