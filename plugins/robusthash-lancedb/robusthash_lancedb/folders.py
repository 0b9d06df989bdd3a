"""Databases on disk: each made once, found again by whoever has the same, and removed after the last.

A database is made in a folder beside its place and renamed, so that one that is there is whole. Who uses it holds the
lock of a file of their own, which ends with the process, however that ends: who leaves last removes the database, and
the next run removes what killed ones have left.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from robusthash.files.caching import cached_path
from robusthash.files.locks import held, locked

_KIND = "lancedb"  #: folder in the cache
_DATABASE, _UNFINISHED, _LOCK, _USE, _KEPT = ".db", ".unfinished", ".lock", ".use", ".kept"


class Folder:
    """The folder of a database, held until it is closed.

    Args:
        name: of the database; equal ones have equal names.
        make: makes it in the folder that it is given.
        keep: whether it stays when nobody holds it.

    Attributes:
        path: of the database.

    Raises:
        StorageError: the cache cannot be written.
    """

    def __init__(self, name: str, make: Callable[[Path], None], *, keep: bool) -> None:
        self.path = cached_path(_KIND, f"{name}{_DATABASE}")
        for left in self.path.parent.glob(f"*{_DATABASE}"):
            if left != self.path:
                _remove_unused(left)
        self._use = ExitStack()
        with locked(self.path.with_suffix(_LOCK)):
            mine = self.path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}{_USE}")
            self._use.enter_context(locked(mine))
            try:
                if not self.path.exists():
                    _make(self.path, make)
                if keep:
                    self.path.with_suffix(_KEPT).touch()
            except BaseException:
                self._use.close()
                raise

    def close(self) -> None:
        """Ends the hold, and removes the database if nobody else holds it and it is not kept."""
        self._use.close()
        _remove_unused(self.path)


def _make(path: Path, make: Callable[[Path], None]) -> None:
    unfinished = path.with_suffix(_UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    try:
        make(unfinished)
        unfinished.rename(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _remove_unused(path: Path) -> None:
    """Removes a database that nobody holds and that is not kept. Where another process is at work on it, it stays."""
    with held(path.with_suffix(_LOCK)) as free:
        if not free or path.with_suffix(_KEPT).exists():
            return
        for use in path.parent.glob(f"{path.stem}.*{_USE}"):
            with held(use) as left:  # and if it is, its file goes with the lock
                if not left:
                    return
        shutil.rmtree(path, ignore_errors=True)
