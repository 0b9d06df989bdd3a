"""Ways in which foreign code could end the process: ``os._exit`` is refused, and Ctrl-C is told from an imitation."""

import os
import signal
import threading
from types import FrameType
from typing import Any, NoReturn

from robusthash.boundary.blame import ProcessExitError

_exit = os._exit


class _Here(threading.local):
    """What this thread is in.

    Attributes:
        depth: number of calls into foreign code, one inside another.
        process: id of the process that made them; a child that was forked meanwhile may end as it likes.
    """

    depth = 0
    process = 0


_here = _Here()
_interrupted = False  # signals reach the main thread alone, so one flag is enough


class hold:  # noqa: N801 - a function with something to release
    """Refuses ``os._exit`` and watches for Ctrl-C, until it is released."""

    def __init__(self) -> None:
        self._exit = os._exit
        os._exit = _refuse
        _here.depth += 1
        _here.process = os.getpid()
        self._handler: Any = None
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.getsignal(signal.SIGINT)
            if self._handler is signal.default_int_handler:
                signal.signal(signal.SIGINT, _note)

    def release(self) -> bool | None:
        """Whether Ctrl-C was pressed meanwhile; None where somebody else handles it, so that nobody knows."""
        global _interrupted
        os._exit = self._exit
        _here.depth -= 1
        if self._handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            pressed, _interrupted = _interrupted, False
            return pressed
        return _interrupted if self._handler is _note else None


def _note(_number: int, _frame: FrameType | None) -> NoReturn:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _refuse(status: int) -> NoReturn:
    if _here.depth and _here.process == os.getpid():
        raise ProcessExitError(f"tried to end the process with os._exit({status})")
    _exit(status)
