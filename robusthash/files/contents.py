"""Digests of files by what is in them, remembered for as long as the files stay as they are."""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

from robusthash.errors import UsageError
from robusthash.files.caching import cache_folder
from robusthash.files.opening import open_file

__all__ = ["content_digest", "content_digests", "file_state", "remembered"]

_ABSENT = b"absent"  #: of a file that is not there: reading it is the error, and naming a dataset is not
_TABLE = "CREATE TABLE IF NOT EXISTS {} (state TEXT PRIMARY KEY, digest BLOB)"
_PATIENCE = 30.0  #: seconds to wait for another process that writes
_SETTLED = 2.0  #: seconds after which a file's times tell a later change from the last one; FAT counts in twos


def content_digests(paths: Sequence[Path]) -> list[bytes]:
    """SHA-256 of each file's bytes; a fixed word for a file that cannot be read, such as a pipe.

    Args:
        paths: of the files.
    """
    return [found or _ABSENT for found in remembered("contents", paths, _digest)]


def remembered(kind: Literal["contents", "sizes"], paths: Sequence[Path], find: Callable[[Path], bytes]) -> list[bytes]:
    """What is found in each file, remembered for as long as the file stays as it is.

    A file is read once, and again when anything of its state has changed: device, inode, size, or either of its times.
    A rename changes the second, so that exchanged files are noticed. A file that was changed a moment ago is not
    remembered, because another change in the same moment would leave its state as it is.

    Args:
        kind: of what is found.
        paths: of the files.
        find: reads a file; what it finds depends on the file's content alone. Nothing is not remembered.
    """
    states = [file_state(path) for path in paths]
    known = _recalled(kind, [state for state in states if state])
    new = [i for i, state in enumerate(states) if state not in known]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = list(pool.map(find, [paths[i] for i in new]))
    fresh = dict(zip(new, found, strict=True))
    # What changed while it was read is not remembered, either.
    kept = {states[i]: one for i, one in fresh.items() if one and states[i] and file_state(paths[i]) == states[i]}
    _remember(kind, kept)
    return [fresh[i] if i in fresh else known[state] for i, state in enumerate(states)]


def file_state(path: Path, *, settled: bool = True) -> str:
    """What changes whenever a file's content may have.

    Args:
        path: of the file.
        settled: whether another change in this moment has to show, too, because the state stands for the content.

    Returns:
        A text to compare; empty where nothing can be said: the file is not there, or was changed a moment ago and
        is to be settled.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ""
    if settled and time.time() - max(found.st_mtime, found.st_ctime) < _SETTLED:
        return ""
    return f"{found.st_dev}.{found.st_ino}.{found.st_size}.{found.st_mtime_ns}.{found.st_ctime_ns}"


def content_digest(path: Path) -> bytes:
    """SHA-256 of a file's bytes, read now; a fixed word if it cannot be read.

    Args:
        path: of the file.
    """
    return _digest(path) or _ABSENT


def _digest(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def _recalled(kind: str, states: Sequence[str]) -> dict[str, bytes]:
    """What is remembered; nothing where the memory cannot be read, and everything is read again."""
    found: dict[str, bytes] = {}
    with suppress(OSError, sqlite3.Error, UsageError), _memory(kind) as memory:
        for start in range(0, len(states), 500):
            some = states[start : start + 500]
            marks = ",".join("?" * len(some))
            found |= dict(memory.execute(f"SELECT state, digest FROM {kind} WHERE state IN ({marks})", some))  # noqa: S608 - a name of ours, and marks
    return found


def _remember(kind: str, found: Mapping[str, bytes]) -> None:
    """Remembers where the memory can be written; elsewhere the files are read again next time."""
    if found:
        with suppress(OSError, sqlite3.Error, UsageError), _memory(kind) as memory:
            memory.executemany(f"INSERT OR REPLACE INTO {kind} VALUES (?, ?)", found.items())  # noqa: S608 - a name of ours
            memory.commit()


@contextmanager
def _memory(kind: str) -> Iterator[sqlite3.Connection]:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "contents.sqlite", timeout=_PATIENCE)) as connection:
        connection.execute(_TABLE.format(kind))
        yield connection
