"""Progress of long steps: a bar on a terminal, occasional lines in a pipe, nothing with --quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from robusthash.progress import Report, bars

INTERVAL = 5.0  #: seconds between lines in a pipe; a longer step is a long one


@contextmanager
def progress(*, quiet: bool) -> Iterator[Report]:
    """A callback for the core's long steps, called with (done, total, what).

    Args:
        quiet: shows nothing.
    """
    if quiet:
        yield lambda _done, _total, _what: None
    elif sys.stderr.isatty():
        from rich.console import Console

        with bars(Console(stderr=True)) as report:
            yield report
    else:
        yield Lines(echo=lambda line: click.echo(line, err=True)).report


@dataclass(kw_only=True)
class _Step:
    started: float
    done: int


class Lines:
    """Progress as lines: when a step begins, every few seconds, and when a long step ends.

    Consecutive short steps are not reported one by one: there is at most one line per ``INTERVAL``
    seconds, except for the ends of long steps.

    Args:
        echo: where lines go.
        clock: seconds, for tests.
    """

    def __init__(self, *, echo: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._echo = echo
        self._clock = clock
        self._steps: dict[str, _Step] = {}
        self._last = -INTERVAL + clock()

    def report(self, done: int, total: int, what: str) -> None:
        """Updates the progress of a step."""
        now = self._clock()
        step = self._steps.setdefault(what, _Step(started=now, done=done))
        passed = now - step.started
        if done >= total:
            del self._steps[what]
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
