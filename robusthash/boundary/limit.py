"""A limit on the time that foreign code may take to be imported."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from robusthash.boundary.blame import TimeLimitError
from robusthash.errors import UsageError

VARIABLE = "ROBUSTHASH_IMPORT_SECONDS"  #: environment variable that sets the limit
SECONDS = 120.0  #: the usual limit, with room for a cold import of torch from a slow disk

_AGAIN = 1.0  #: seconds until a block that has caught the exception is stopped again


@contextmanager
def time_limit() -> Iterator[None]:
    """Stops a block that imports foreign code after the limit, wherever it is: in a loop, in a wait, in a sleep.

    It works by a signal, so only in the main thread, not on Windows, and not inside native code that never returns to
    Python. A signal handler of the caller's own is left alone, and then there is no limit.

    Raises:
        TimeLimitError: the time is over.
        UsageError: the variable that sets the limit is no positive number.
    """
    seconds = _limit()
    if not _free():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"had not finished after {seconds:g} s (the limit is {VARIABLE})")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _limit() -> float:
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text or SECONDS)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{VARIABLE} is {text!r}", hint="set it to a number of seconds, or unset it")
    return seconds


def _free() -> bool:
    """Whether the timer's signal can be used."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
