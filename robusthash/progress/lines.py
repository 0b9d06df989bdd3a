"""Progress as lines, for a pipe, a file, and the log of a CI job."""

import time
from collections.abc import Callable
from typing import Any

from robusthash.progress.steps import Steps, duration

INTERVAL = 5.0  #: seconds between lines at first; a step that takes longer is a long step
_SHARE = 0.05  #: of the time so far; lines become rarer, so that a night of work fits a log


class Lines:
    """Progress as lines: when a step begins, now and then, and when a long step ends.

    Consecutive short steps are not reported one by one: there is at most one line per ``INTERVAL`` seconds, and later
    one per twentieth of the time so far, except for the ends of long steps.

    Args:
        echo: prints a line.
        clock: returns seconds; for tests.
    """

    def __init__(self, *, echo: Callable[[str], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._echo = echo
        self._clock = clock
        self._steps = Steps(clock)
        self._began = clock()
        self._last = self._began - INTERVAL

    def report(self, done: int, total: int, what: str) -> None:
        """Updates the progress of a step."""
        step, now = self._steps.report(done, total, what), self._clock()
        if done >= total:
            if now - step.began >= INTERVAL:
                self._say(now, f"{what}: {done}/{total}, took {duration(now - step.began)}")
        elif now - self._last >= max(INTERVAL, _SHARE * (now - self._began)):
            left = step.left(now)
            self._say(now, f"{what}: {done}/{total}" + ("" if left is None else f", about {duration(left)} left"))

    def _say(self, now: float, line: str) -> None:
        self._last = now
        self._echo(line)
