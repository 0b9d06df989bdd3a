"""Paths as users write them. Importable without torch."""

import os
from pathlib import Path

from robusthash.errors import UsageError

__all__ = ["as_text", "nearest_existing", "read_path"]


def as_text(path: str) -> str:
    r"""A path as text that any file can hold: the bytes of a name that is not UTF-8 are escaped.

    >>> as_text("é"), as_text("\udcff")
    ('é', '\\xff')
    """
    return os.fsencode(path).decode(errors="backslashreplace")


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


def nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest of its parents that exists: also if it is a file, or a link to nothing.

    >>> nearest_existing(Path("/no such folder/nor a file"))
    PosixPath('/')
    """
    return next((one for one in (path, *path.parents) if os.path.lexists(one)), Path(path.anchor))
