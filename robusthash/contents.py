"""Digests of files by what is in them, remembered for as long as the files stay as they are."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from robusthash.caching import cache_folder

__all__ = ["content_digests"]

_ABSENT = b"absent"  #: of a file that is not there: reading it is the error, and naming a dataset is not
_TABLE = "CREATE TABLE IF NOT EXISTS contents (state TEXT PRIMARY KEY, digest BLOB)"
_PATIENCE = 30.0  #: seconds to wait for another process that writes


def content_digests(paths: Sequence[Path]) -> list[bytes]:
    """SHA-256 of each file's bytes; a fixed word for a file that cannot be read.

    A file is read once, and again when anything of its state has changed: device, inode, size, or either of its times.
    A rename changes the second, so that exchanged files are noticed.

    Args:
        paths: of the files.
    """
    states = [_state(path) for path in paths]
    with _memory() as memory:
        known = {} if memory is None else _recalled(memory, [state for state in states if state])
        new = [i for i, state in enumerate(states) if state and state not in known]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            found = list(pool.map(_read, [paths[i] for i in new]))
        fresh = {states[i]: digest for i, digest in zip(new, found, strict=True) if digest != _ABSENT}
        if memory is not None and fresh:
            with suppress(sqlite3.Error):  # the cache can be read and not written
                memory.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?)", fresh.items())
                memory.commit()
    return [{**known, **fresh}.get(state, _ABSENT) for state in states]


def _state(path: Path) -> str:
    """What changes whenever a file's content may have; empty for one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_dev}.{found.st_ino}.{found.st_size}.{found.st_mtime_ns}.{found.st_ctime_ns}"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return _ABSENT


@contextmanager
def _memory() -> Iterator[sqlite3.Connection | None]:
    """What is remembered; None where the cache cannot be written or read, and everything is read again."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / "contents.sqlite", timeout=_PATIENCE)
        connection.execute(_TABLE)
    except (OSError, sqlite3.Error):
        yield None
        return
    with closing(connection):
        yield connection


def _recalled(memory: sqlite3.Connection, states: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for start in range(0, len(states), 500):
        some = states[start : start + 500]
        marks = ",".join("?" * len(some))
        found |= dict(memory.execute(f"SELECT state, digest FROM contents WHERE state IN ({marks})", some))  # noqa: S608 - marks alone
    return found
