"""Waits until the process that started it is gone, and cleans up after a Ray cluster. It imports nothing but Python's.

Ray's own processes end with the one that started them, but for two agents, which notice after minutes if that one was
killed, and a folder. Both are found by the folder's name: each process of a cluster has a log open in it.
"""

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def users(folder: str) -> list[int]:
    """Processes that have a file of a folder open; none where there is no ``/proc``.

    Args:
        folder: its path.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if any(_within(one, folder) for one in (entry / "fd").iterdir()):
                found.append(int(entry.name))
    return found


def _within(descriptor: Path, folder: str) -> bool:
    try:
        return str(descriptor.readlink()).startswith(f"{folder}/")
    except OSError:  # closed meanwhile
        return False


def main(folder: str) -> None:
    """Waits for the end of standard input, which the one that started this has open, and cleans up."""
    spared = os.getpid(), os.getppid()  # Ray keeps a log open in the one that started this, which may go on
    sys.stdin.buffer.read()
    for process in users(folder):
        if process not in spared:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
