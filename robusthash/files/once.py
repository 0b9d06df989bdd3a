"""Files of the cache: made by one process, while others that need the same wait for it."""

from collections.abc import Callable
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import TypeVar

from robusthash.errors import StorageError
from robusthash.files.locks import held, locked
from robusthash.files.storage import remove_if_empty

__all__ = ["made_once", "unfinished"]

_T = TypeVar("_T")


def unfinished(path: Path) -> Path:
    """The file that snapshots of the work on a file of the cache are kept in; those of its parts begin with its name.

    Args:
        path: of the file of the cache.
    """
    return path.with_suffix(".partial")


def made_once(path: Path, read: Callable[[], _T | None], make: Callable[[], _T]) -> tuple[_T, bool]:
    """What a file of the cache holds, and whether it was there. If it is not, one process makes it and others wait.

    Args:
        path: of the file.
        read: what it holds; None if it cannot be used and has to be made again.
        make: makes and stores it, with snapshots, if any, in :func:`unfinished`. These are removed afterwards.

    Raises:
        StorageError: the cache cannot be written.
    """
    lock = path.with_suffix(".lock")
    if path.exists() and (found := read()) is not None:
        if lock.exists():  # of another process that removes it in a moment, or that was killed before it could
            with suppress(StorageError), held(lock) as free:  # where nothing may be written, it stays
                if free:
                    _remove_snapshots(path)
        return found, True
    try:
        with locked(lock):
            found = read() if path.exists() else None
            there = found is not None
            result = make() if found is None else found
            _remove_snapshots(path)
    finally:
        remove_if_empty(path.parent)  # nothing may have been made
    return result, there


def _remove_snapshots(path: Path) -> None:
    for left in path.parent.glob(f"{escape(unfinished(path).name)}*"):
        left.unlink(missing_ok=True)
