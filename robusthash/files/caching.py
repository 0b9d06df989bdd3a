"""The cache folder, and where its files are: a cache that cannot be written is read, and nothing stops."""

import atexit
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import platformdirs

from robusthash.errors import RobustHashWarning, UsageError
from robusthash.files.paths import nearest_existing, read_path
from robusthash.files.storage import try_writing

__all__ = ["cache_folder", "cached_path"]

VARIABLE = "ROBUSTHASH_CACHE"
_INSTEAD = "ROBUSTHASH_CACHE_INSTEAD"  #: set for this process and its workers: what a read-only cache cannot hold


def cache_folder() -> Path:
    """The folder of cached checkpoints and codes: ``ROBUSTHASH_CACHE``, or the platform's cache folder.

    Raises:
        UsageError: the variable does not hold a path, or the path is a file.
    """
    named = os.environ.get(VARIABLE)
    folder = read_path(named, VARIABLE) if named else Path(platformdirs.user_cache_dir("robusthash"))
    nearest = nearest_existing(folder)
    if not nearest.is_dir():
        raise UsageError(
            f"the cache {folder} cannot be a folder: {nearest} is none",
            hint=f"name a folder in {VARIABLE}, or unset it",
        )
    return folder


def cached_path(kind: str, name: str) -> Path:
    """Where a file of the cache is, or is to be written.

    If the cache does not hold it and cannot be written, that is a folder that lives as long as this run, and the user
    is warned once.

    Args:
        kind: folder in the cache, such as ``codes``.
        name: of the file.

    Raises:
        UsageError: as for :func:`cache_folder`.
    """
    folder = cache_folder()
    path = folder / kind / name
    if path.exists() or _writable(path.parent):
        return path
    return _instead(folder) / kind / name


def _writable(folder: Path) -> bool:
    try:
        try_writing(folder)
    except OSError:
        return False
    return True


def _instead(folder: Path) -> Path:
    known = os.environ.get(_INSTEAD)
    if known is not None and os.access(known, os.W_OK):
        return Path(known)
    made = tempfile.mkdtemp(prefix="robusthash-")
    os.environ[_INSTEAD] = made
    atexit.register(_forget, made)
    warnings.warn(
        f"the cache {folder} cannot be written: what is made now is not kept ({VARIABLE} names another)",
        RobustHashWarning,
        stacklevel=2,
    )
    return Path(made)


def _forget(made: str) -> None:
    if os.environ.get(_INSTEAD) == made:
        del os.environ[_INSTEAD]
    shutil.rmtree(made, ignore_errors=True)
