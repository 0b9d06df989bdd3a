"""Writing to disk so that a crash leaves the old file or the new one, and naming things by what made them."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from robusthash.errors import StorageError, UsageError

__all__ = ["cache_folder", "digest", "require_writable", "write_atomically"]


def cache_folder() -> Path:
    """Where checkpoints and codes are kept: ``ROBUSTHASH_CACHE``, or the platform's cache folder."""
    named = os.environ.get("ROBUSTHASH_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("robusthash"))


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a mapping of plain values, whatever its order.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name beside it, flushes it, and renames it.

    Raises:
        StorageError: the folder cannot be written, or the disk is full. What was stored before stays.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}",
            hint="nothing stored was lost; free space or fix the folder",
        ) from error


def require_writable(folder: Path, option: str) -> None:
    """Fails early if a folder given by the user cannot be written.

    Raises:
        UsageError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"{option} {folder} cannot be written: {error.strerror or error}", hint="name a folder of your own"
        ) from error
