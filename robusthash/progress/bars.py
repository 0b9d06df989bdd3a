"""Progress as bars on a terminal: one line for each unfinished step, never longer than the terminal is wide."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from robusthash.progress.steps import Report, Step, Steps, duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_PAUSE = 0.5  #: seconds between two drawings, at least; the reports themselves only leave a note
_SHARE = 200  #: times what a drawing took of the processor is what the process takes for itself before the next
_LONGEST = 5.0  #: seconds between two drawings, at most: a process that waits takes little of the processor
_BARS = ((100, 30), (72, 16), (56, 8))  #: columns of a terminal, and of the bars that it has room for
_MOST = 5  #: lines


def animates(stream: TextIO) -> bool:
    """Whether what is written can be drawn over: a terminal, and not the log of a CI job that poses as one."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown") and not os.environ.get("CI")


@contextmanager
def bars(console: "Console") -> Iterator[Report]:
    """Shows a bar for each unfinished step, and removes it when the step is done.

    Args:
        console: of a terminal.

    Yields:
        What the steps report to.
    """
    from rich.live import Live
    from rich.text import Text

    from robusthash.progress.pace import drawing

    steps = Steps(time.monotonic)

    def draw() -> Text:
        now = time.monotonic()
        return Text("\n").join(_line(step, now, console) for step in steps.unfinished[-_MOST:])

    with (
        Live(console=console, get_renderable=draw, auto_refresh=False, transient=True) as live,
        drawing(live.refresh, pause=_PAUSE, share=_SHARE, longest=_LONGEST),
    ):
        yield lambda done, total, what: _take(steps, done, total, what)


def _take(steps: Steps, done: int, total: int, what: str) -> None:
    steps.report(done, total, what)


def _line(step: Step, now: float, console: "Console") -> "Text":
    """Bar, numbers, time left, and as much of the text as there is room for."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    plain = console.options.ascii_only
    room = console.width - 1  # a cursor in the last column may wrap
    length = next((length for width, length in _BARS if console.width >= width), 0)
    full = round(length * step.done / step.total)
    whole, rest = ("#" * full, "." * (length - full)) if plain else ("━" * full, "─" * (length - full))
    left = step.left(now)
    counts = f"{step.done:{len(str(step.total))}}/{step.total}" + ("" if left is None else f", {duration(left)} left")
    line = Text(no_wrap=True).append(whole, "green").append(rest, "dim").append(f"{' ' if length else ''}{counts}  ")
    writable = step.what.isascii() if plain else step.what.isprintable()
    shown = step.what if writable else step.what.encode("unicode_escape").decode()
    space = max(0, room - line.cell_len)
    if cell_len(shown) > space:
        more = "..." if plain else "…"
        shown = set_cell_size(shown, space - len(more)) + more if space > len(more) else ""
    return line.append(shown)
