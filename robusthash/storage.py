"""Atomic writes, after which a crash leaves the old file or the new one; digests; the cache folder."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from robusthash.errors import StorageError, UsageError
from robusthash.locks import claimed, remove_left

__all__ = ["cache_folder", "digest", "remove_if_empty", "require_writable", "temporary_beside", "write_atomically"]

_TEMPORARY = ".tmp"  #: ending of files that are being written


def cache_folder() -> Path:
    """The folder of cached checkpoints and codes: ``ROBUSTHASH_CACHE``, or the platform's cache folder."""
    named = os.environ.get("ROBUSTHASH_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("robusthash"))


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a mapping of JSON values; it does not depend on the order of keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name in the same folder, flushes it, and renames it.

    Raises:
        StorageError: the folder is not writable, or the disk is full. An existing file is unchanged.
    """
    try:
        with temporary_beside(path) as temporary:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}",
            hint="stored files are unchanged; free disk space or check the folder's permissions",
        ) from error


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A hidden, empty file in a file's folder, to be written and renamed; removed afterwards if it is still there.

    A process that is killed leaves its own, and whoever writes in the folder next removes it.

    Args:
        path: of the file; its folder is made.

    Raises:
        OSError: the folder is not writable.
    """
    with claimed(path, _TEMPORARY) as temporary:
        remove_left(path.parent, _TEMPORARY)
        yield temporary


def remove_if_empty(folder: Path) -> None:
    """Removes a folder if nothing is in it; another process may put something there at any time."""
    with suppress(OSError):
        folder.rmdir()


def require_writable(folder: Path, option: str) -> None:
    """Fails early if a folder given by the user is not writable.

    Raises:
        UsageError: it is not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"{option} {folder} is not writable: {error.strerror or error}",
            hint="choose a folder that you can write to",
        ) from error
