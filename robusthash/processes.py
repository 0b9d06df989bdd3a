"""Processes that a run starts: they end with it, however it ends."""

import multiprocessing
import os
import threading
from contextlib import suppress

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """Ends this process when the one that started it is gone, even if that was killed.

    It would hold memory and the terminal for ever. Called first in a process of :mod:`multiprocessing`, such as by the
    ``initializer`` of a pool; a thread then waits beside the work.
    """
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        with suppress(ChildProcessError):
            parent.join()
        os._exit(1)
