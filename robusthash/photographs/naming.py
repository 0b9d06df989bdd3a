"""Finds the photographs in a folder, and names the files that they become."""

import unicodedata
from pathlib import Path

from robusthash.errors import InputError, UsageError

__all__ = ["RAW", "delivered_name", "list_photographs", "require_other_folder"]

_JPEG = {".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"}
_READ = frozenset(_JPEG | {".avif", ".bmp", ".gif", ".jp2", ".png", ".ppm", ".tif", ".tiff", ".webp"})
#: Suffixes of cameras' raw files. Some are TIFF files whose first page is the preview.
RAW = frozenset({".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"})
_REFUSED = RAW | {".heic", ".heics", ".heif"}  #: photographs too: they are listed, so that opening them says why not


def list_photographs(folder: Path) -> list[Path]:
    """The files in a folder that are photographs by their suffix, sorted by name; not those in folders in it.

    Hidden files are no photographs: macOS writes ``._a.jpg`` beside ``a.jpg``.

    Args:
        folder: where to look.

    Raises:
        InputError: it is no folder, cannot be read, or has no photographs.
    """
    try:
        found = [path for path in folder.iterdir() if _is_photograph(path)]
    except OSError as error:
        raise InputError(
            f"cannot read the folder {folder}: {error.strerror or error}", hint="name a folder of photographs"
        ) from error
    if not found:
        raise InputError(
            f"{folder} has no photographs; those in folders in it do not count",
            hint=f"known suffixes: {', '.join(sorted(_READ))}",
        )
    return sorted(found)


def require_other_folder(folder: Path, output: Path) -> None:
    """Refuses to write photographs into the folder that they come from, by whatever name.

    Args:
        folder: where they come from.
        output: where they are to be written; it need not exist.

    Raises:
        UsageError: it is the same.
    """
    if output.exists() and folder.exists() and output.samefile(folder):
        raise UsageError(
            f"{output} is the folder of the photographs, which would be overwritten", hint="name another folder"
        )


def delivered_name(path: Path, suffix: str | None = None) -> str:
    """The name of the file that a photograph becomes: its own, wherever that is safe.

    It depends on the photographs' folder alone, so that writing them again, in any order, gives the same names. No two
    of a folder become one, even where names that differ in case are one, as on macOS and Windows.

    Args:
        path: of the photograph.
        suffix: of another format; None if the format stays. It is appended: ``a.gif`` becomes ``a.gif.png``, and is
            not taken for ``a.png``.
    """
    try:
        others = [other.name for other in path.parent.iterdir() if _is_photograph(other)]
    except OSError:
        others = []  # the folder is gone since the photograph was opened: nothing else will come from it
    names = sorted({path.name, *others})
    taken = {_folded(name) for name in names}
    twins = [name for name in names if _folded(name) == _folded(path.name)]
    name = twins[0]
    for twin in twins[1 : twins.index(path.name) + 1]:
        name = _numbered(twin, taken)
        taken.add(_folded(name))
    if suffix is None:
        return name
    name += suffix
    while _folded(name) in taken:
        name += suffix
    return name


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while _folded(found := f"{Path(name).stem} ({number}){Path(name).suffix}") in taken:
        number += 1
    return found


def _folded(name: str) -> str:
    """Equal for names that are one on some file system."""
    return unicodedata.normalize("NFC", name).casefold()


def _is_photograph(path: Path) -> bool:
    return path.suffix.lower() in _READ | _REFUSED and not path.name.startswith(".") and not path.is_dir()
