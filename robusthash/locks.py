"""Locks between processes: one run works on a cell, and the others wait for what it comes to.

A lock is held by an open file, so that it ends with its process, however that ends; no lock is ever stale. It holds
between machines where the file system carries ``flock`` (NFS since version 4, Lustre, GPFS with the usual settings).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from robusthash.errors import StorageError

__all__ = ["held", "locked"]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock; waits while another process holds it.

    Args:
        path: of the lock's file, which is made, and removed afterwards.

    Raises:
        StorageError: the file cannot be made.
    """
    handle = _acquired(path, wait=True)
    assert handle is not None  # noqa: S101 - it has waited
    try:
        yield
    finally:
        _release(path, handle)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Holds a lock if nobody else does, and says whether: another process that holds it is at work.

    Args:
        path: as for :func:`locked`.
    """
    handle = _acquired(path, wait=False)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            _release(path, handle)


def _acquired(path: Path, *, wait: bool) -> int | None:
    """The open file that holds the lock; None if another process has it and this one does not wait."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # another run has just removed the empty folder
        except OSError as error:
            raise StorageError(
                f"cannot lock {path}: {error.strerror or error}", hint="check the folder's permissions"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        with suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)  # whoever held it before has removed the file, and a new one is the lock


def _release(path: Path, handle: int) -> None:
    path.unlink(missing_ok=True)  # while it is held: who waits for it sees that it is gone, and makes a new one
    os.close(handle)
