"""Paths as users write them, and files that must be there to be read. Importable without torch."""

import os
import stat
from pathlib import Path

from robusthash.errors import InputError, UsageError

__all__ = ["read_path", "require_file"]

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


def read_path(text: str | os.PathLike[str], what: str) -> Path:
    """A path that the system takes for one, whether or not something is there. ``~`` is the user's home.

    Args:
        text: what the user wrote.
        what: the option or variable that it comes from, for the error.

    Raises:
        UsageError: it is empty, contains NUL, is too long, or names the home of a user whom the system does not know.
    """
    written = os.fspath(text)
    if not written:
        raise UsageError(f"{what} is empty", hint="name a path")
    try:
        path = Path(written).expanduser()
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return path
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{what} {written} is not a path: {reason}", hint="check how it is written") from error
    return path


def require_file(path: Path, what: str, *, hint: str = "name an existing file", or_folder: bool = False) -> Path:
    """The path, if a regular file is there: reading a folder fails, and reading a pipe or a device may never end.

    Args:
        path: of the file.
        what: what it is, for the error: ``suite``, ``checkpoint``.
        hint: of the error.
        or_folder: whether a folder is as good.

    Raises:
        InputError: there is none, or it is something else, or the system does not tell.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {what} {path}: {reason}", hint=hint) from error
    if not stat.S_ISREG(mode) and not (or_folder and stat.S_ISDIR(mode)):
        kind = next((name for fits, name in _KINDS.items() if fits(mode)), "not a file")
        raise InputError(f"cannot read {what} {path}: it is {kind}", hint=hint)
    return path
