"""Arrays in files that are mapped into memory: what is read of them is read when it is used, and can be let go."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import InputError
from robusthash.files.opening import DAMAGED, open_file

__all__ = ["mapped_array", "release"]

_MAGIC = b"\x93NUMPY"
_FORM = "write it with numpy.save, or fill a numpy.lib.format.open_memmap"


def mapped_array(path: Path, what: str) -> np.memmap[Any, Any]:
    """Maps a ``.npy`` file, read only.

    Args:
        path: of the file.
        what: it is, for the error.

    Raises:
        InputError: it is missing, damaged, of another format, or holds Python objects.
    """
    try:
        with open_file(path) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("it is no .npy file")
        return np.lib.format.open_memmap(path, mode="r")
    except DAMAGED as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise InputError(f"cannot read {what} {path}: {reason}", hint=_FORM) from error


def release(array: np.ndarray) -> None:
    """Lets the pages of a read-only memory map go, which count as this process's memory; they are read again when used.

    Args:
        array: a memory map or a view of one; of any other array nothing is let go.
    """
    found: Any = array
    while found is not None and not isinstance(found, np.memmap):
        found = getattr(found, "base", None)
    if found is None or found.mode != "r" or not hasattr(mmap, "MADV_DONTNEED"):
        return  # a map that was written to may hold what no file holds
    while found is not None and not isinstance(found, mmap.mmap):
        found = found.base
    if found is not None:
        found.madvise(mmap.MADV_DONTNEED)
