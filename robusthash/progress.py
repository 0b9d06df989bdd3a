"""Progress of long steps: bars on a terminal and in a notebook, lines in a pipe."""

import html
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Report = Callable[[int, int, str], None]  #: called with (done, total, what)

INTERVAL = 5.0  #: seconds between lines in a pipe; a step that takes longer is a long step
_PATIENCE = 0.5  #: seconds before a notebook shows a bar: short steps need none
_REFRESH = 0.1  #: seconds between updates of a notebook
_NUMBER = re.compile(r"\d+")
_DETAIL = re.compile(r"[,;]")


def step_name(what: str) -> str:
    """What a step is known by: its numbers, and what follows a comma or a semicolon, may change while it goes on.

    >>> step_name("epoch 2/20, loss 0.8242") == step_name("epoch 3/20, loss 0.7")
    True
    """
    return _NUMBER.sub("#", _DETAIL.split(what, maxsplit=1)[0])


@contextmanager
def bars(console: "Console") -> Iterator[Report]:
    """Shows a bar for each unfinished step, and removes it when the step is done.

    Args:
        console: of a terminal.

    Yields:
        What the steps report to.
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
            name = step_name(what)
            if name not in shown:
                shown[name] = running.add_task(what, total=total)
            running.update(shown[name], description=what, completed=done, total=total)
            if done >= total:
                running.remove_task(shown.pop(name))

        yield report


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def notebook_bars(*, clock: Callable[[], float] = time.monotonic) -> Iterator[Report]:
    """Shows bars in a notebook, in one output that is empty at the end. Rich would need ipywidgets.

    Args:
        clock: returns seconds; for tests.

    Yields:
        What the steps report to.
    """
    show: Callable[..., Any] = sys.modules["IPython"].display.display  # a notebook has already imported it

    steps: dict[str, tuple[str, int, int]] = {}
    drawn: Any = None
    last = clock() + _PATIENCE - _REFRESH

    def report(done: int, total: int, what: str) -> None:
        nonlocal drawn, last
        steps[step_name(what)] = what, done, total
        if done >= total:
            del steps[step_name(what)]
        if clock() - last < _REFRESH:
            return
        last = clock()
        if drawn is None:
            drawn = show(_drawn(steps), raw=True, display_id=True)
        else:
            drawn.update(_drawn(steps), raw=True)

    try:
        yield report
    finally:
        if drawn is not None:
            drawn.update(_drawn({}), raw=True)


def _drawn(steps: dict[str, tuple[str, int, int]]) -> dict[str, str]:
    """Unfinished steps, as text and HTML for a notebook."""
    lines = [
        f'<div><progress value="{done}" max="{total}"></progress> {html.escape(what)}: {done}/{total}</div>'
        for what, done, total in steps.values()
    ]
    told = "\n".join(f"{what}: {done}/{total}" for what, done, total in steps.values())
    return {"text/plain": told, "text/html": "".join(lines)}


@dataclass(kw_only=True)
class _Step:
    started: float
    done: int


class Lines:
    """Progress as lines: when a step begins, every few seconds, and when a long step ends.

    Consecutive short steps are not reported one by one: there is at most one line per ``INTERVAL``
    seconds, except for the ends of long steps.

    Args:
        echo: prints a line.
        clock: returns seconds; for tests.
    """

    def __init__(self, *, echo: Callable[[str], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._echo = echo
        self._clock = clock
        self._steps: dict[str, _Step] = {}
        self._last = -INTERVAL + clock()

    def report(self, done: int, total: int, what: str) -> None:
        """Updates the progress of a step."""
        now = self._clock()
        name = step_name(what)
        step = self._steps.setdefault(name, _Step(started=now, done=done))
        passed = now - step.started
        if done >= total:
            del self._steps[name]
            if passed >= INTERVAL:
                self._say(now, f"{what}: {done}/{total}, took {duration(passed)}")
        elif now - self._last >= INTERVAL:
            made = done - step.done
            left = f", about {duration(passed / made * (total - done))} left" if made > 0 and passed > 0 else ""
            self._say(now, f"{what}: {done}/{total}{left}")

    def _say(self, now: float, line: str) -> None:
        self._last = now
        self._echo(line)


def duration(seconds: float) -> str:
    """Formats seconds for people.

    >>> duration(7.6), duration(83), duration(7260)
    ('8 s', '1 min 23 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
