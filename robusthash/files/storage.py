"""Atomic writes, after which a crash leaves the old file or the new one; digests."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from robusthash.errors import StorageError, UsageError
from robusthash.files.locks import claimed, remove_left
from robusthash.files.paths import nearest_existing

__all__ = [
    "digest",
    "remove_if_empty",
    "removed_if_unused",
    "require_apart",
    "require_space",
    "require_writable",
    "require_writable_file",
    "temporary_beside",
    "try_writing",
    "write_atomically",
]

_TEMPORARY = ".tmp"  #: ending of files that are being written


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
            try:
                temporary.replace(path)
            except FileNotFoundError:
                # NFS may do it, lose the answer, and find nothing to do when it is asked again.
                if not path.is_file() or path.read_bytes() != content:
                    raise
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
    """Fails early if a folder given by the user is not writable. A folder that does not exist yet is not left behind.

    Raises:
        UsageError: it is not.
    """
    try:
        try_writing(folder)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{option} {folder} is not writable: {getattr(error, 'strerror', None) or error}",
            hint="choose a folder that you can write to",
        ) from error


def try_writing(folder: Path) -> None:
    """Writes into a folder and leaves no trace, not even the folder if it does not exist yet.

    Raises:
        OSError: nothing can be written there.
    """
    with removed_if_unused(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def removed_if_unused(folder: Path) -> Iterator[None]:
    """Afterwards removes a folder and those of its parents that were missing before, as far as nothing is in them."""
    missing = []
    for one in (folder, *folder.parents):
        if one.exists():
            break
        missing.append(one)
    try:
        yield
    finally:
        for one in missing:
            remove_if_empty(one)


def require_writable_file(path: Path, option: str) -> None:
    """Fails early if a file given by the user cannot be written: in its folder, or because something else is there.

    Raises:
        UsageError: it cannot.
    """
    if os.path.lexists(path) and not path.is_file():
        raise UsageError(f"{option} {path} is there, and is not a file", hint="choose another name")
    require_writable(path.parent, option)


def require_apart(paths: Mapping[str, Path | None]) -> None:
    """Fails early if two of a command's files are one, which would be overwritten.

    Args:
        paths: by option; None is not written.

    Raises:
        UsageError: two are.
    """
    seen: dict[str, str] = {}
    for option, path in paths.items():
        if path is None:
            continue
        other = seen.setdefault(os.path.realpath(path), option)
        if other != option:
            raise UsageError(f"{other} and {option} are one file, {path}", hint="name two")


def require_space(folder: Path, size: int, what: str) -> None:
    """Fails early if a disk has not the room for what is going to be written.

    Args:
        folder: where; it need not exist yet.
        size: in bytes, at least.
        what: what will be written, for the error.

    Raises:
        StorageError: the disk has less.
    """
    there = nearest_existing(folder)
    if not there.is_dir():
        return  # writing fails, with an error of its own
    free = shutil.disk_usage(there).free
    if free < size:
        raise StorageError(
            f"the disk of {folder} has {free / 2**20:.1f} MiB left, and {what} takes {size / 2**20:.1f} MiB or more",
            hint="free disk space, or choose another folder",
        )
