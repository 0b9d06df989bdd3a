"""Locks between processes: one run works on a cell, and the others wait for what it comes to.

A lock is held by an open file, so that it ends with its process, however that ends; no lock is ever stale. It is
``flock``, which holds between machines where the file system carries it: NFS since version 4, Lustre mounted with
``flock``, GPFS and others.
"""

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from robusthash.errors import StorageError

__all__ = ["claimed", "held", "locked", "remove_left"]

_ROOM = 200  #: bytes of a file's name that the hidden one beside it repeats
_STALE = 100  #: times that a file may have been removed by another machine, before the mount is broken
_RELEASED = b"released"  #: content of a lock's file that nobody may hold any more


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock; waits while another process holds it.

    Args:
        path: of the lock's file, which is made, and removed afterwards.

    Raises:
        StorageError: the file cannot be made, or the file system carries no locks.
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

    Raises:
        StorageError: as for :func:`locked`.
    """
    handle = _acquired(path, wait=False)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            _release(path, handle)


@contextmanager
def claimed(path: Path, ending: str) -> Iterator[Path]:
    """Makes a new hidden file beside another, to be written and then renamed; it is removed if it is still there.

    It is locked as long as this process works on it, so that :func:`remove_left` can tell what killed processes left.

    Args:
        path: of the other file; its folder is made.
        ending: of the name of the hidden one.

    Yields:
        The hidden file's path.

    Raises:
        OSError: it cannot be made.
    """
    with ExitStack() as stack:
        while True:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{_short(path.name)}.{secrets.token_hex(4)}{ending}")
            handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            stack.callback(os.close, handle)
            stack.callback(new.unlink, missing_ok=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(handle, new):  # else it was taken for a left-over before it was locked
                break
        yield new


def remove_left(folder: Path, ending: str) -> None:
    """Removes the files of :func:`claimed` that processes which were killed have left in a folder.

    Args:
        folder: where to look; not below it.
        ending: of their names.
    """
    left_over = re.compile(rf"\..+\.[0-9a-f]{{8}}{re.escape(ending)}")
    try:
        found = [path for path in folder.iterdir() if left_over.fullmatch(path.name)]
    except OSError:
        return  # nothing is left in a folder that is gone
    for left in found:
        with suppress(OSError):  # another process has removed it, or is at work on it
            handle = os.open(left, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(handle, left):
                    left.unlink()
            finally:
                os.close(handle)


def _short(name: str) -> str:
    """A name as far as it leaves room for a mark and an ending: file systems take 255 bytes, in UTF-8 mostly."""
    return os.fsencode(name)[:_ROOM].decode(errors="ignore")


def _acquired(path: Path, *, wait: bool) -> int | None:
    """The open file that holds the lock; None if another process has it and this one does not wait."""
    stale = 0
    while True:
        with ExitStack() as opened:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
                opened.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A file that was released is no lock, although a client of NFS may still see it under its name.
                released, there = os.pread(handle, 1, 0) != b"", _is_at(handle, path)
                if there and released:
                    path.unlink(missing_ok=True)  # whoever released it was killed before it could
                elif there:
                    opened.pop_all()
                    return handle
            except BlockingIOError:
                return None
            except OSError as error:
                gone = isinstance(error, FileExistsError) and not path.parent.exists()
                if gone or isinstance(error, FileNotFoundError):
                    continue  # another run has just removed the empty folder
                stale += error.errno == errno.ESTALE
                if error.errno == errno.ESTALE and stale < _STALE:
                    continue  # on NFS: another machine has just removed the file
                raise StorageError(
                    f"cannot lock {path}: {error.strerror or error}",
                    hint="check the folder's permissions, and that its file system is mounted with locks",
                ) from error


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one that a path names."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:  # NFS calls a file that another machine has removed stale
        return False


def _release(path: Path, handle: int) -> None:
    # While it is held: whoever waits for it sees that it is released and gone, and makes a new one.
    os.pwrite(handle, _RELEASED, 0)
    path.unlink(missing_ok=True)
    os.close(handle)
