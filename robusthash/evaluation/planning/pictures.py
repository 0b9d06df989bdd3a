"""Finds the images in a folder of the user's own. Importable without torch."""

from pathlib import Path

from robusthash.errors import InputError

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def own_pictures(folder: Path, what: str = "--input") -> list[Path]:
    """The images in a folder and in those in it, sorted.

    Args:
        folder: the folder.
        what: what it is given as, for errors.

    Raises:
        InputError: it is no folder, or has no images.
    """
    if not folder.is_dir():
        raise InputError(f"{what} {folder} is not a folder", hint="name a folder of images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise InputError(f"{what} {folder} has no images", hint=f"known suffixes: {', '.join(sorted(_SUFFIXES))}")
    return paths
