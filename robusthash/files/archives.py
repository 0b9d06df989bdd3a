"""NumPy archives (``.npz``) of strangers: zip files of arrays, without pickles, and of a size that memory holds.

NumPy reads them in Python, without a decoder in C that could be led astray, so they need no process of their own.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import DatasetError
from robusthash.files.opening import DAMAGED, open_file

__all__ = ["array_names", "read_array", "read_arrays"]

LARGEST = 16 << 30  #: bytes that the arrays may have together; CIFAR-10's are a twentieth of it in 8 bits


def read_arrays(file: Path, names: Sequence[str], *, hint: str) -> dict[str, np.ndarray]:
    """Some arrays of a stranger's archive, in the order of their names.

    Args:
        file: the archive.
        names: of the arrays.
        hint: how to get the file, for errors.

    Raises:
        DatasetError: it is missing, not an archive, damaged, or too large, or has no such array.
    """
    with _opened(file, hint) as kept:
        _check(kept)
        return {name: kept[name] for name in names}


def array_names(file: Path, *, hint: str) -> tuple[str, ...]:
    """The names of the arrays in a stranger's archive, none of which is read.

    Args:
        file: the archive.
        hint: how to get the file, for errors.

    Raises:
        DatasetError: as for :func:`read_arrays`.
    """
    with _opened(file, hint) as kept:
        _check(kept)
        return tuple(kept.files)


def read_array(file: Path, *, hint: str) -> np.ndarray:
    """The one array of a stranger's ``.npy`` file.

    Args:
        file: the file.
        hint: how to get the file, for errors.

    Raises:
        DatasetError: it is missing, an archive, damaged, or too large.
    """
    with _opened(file, hint) as kept:
        if not isinstance(kept, np.ndarray):
            raise ValueError("it is an archive of several arrays, not one")  # noqa: TRY004 - told as a damaged file is
        return kept


@contextmanager
def _opened(file: Path, hint: str) -> Iterator[Any]:
    """What numpy finds in a file; what goes wrong inside is the file's."""
    try:
        with open_file(file) as opened:
            if os.fstat(opened.fileno()).st_size > LARGEST:
                raise ValueError(f"it has more than {LARGEST >> 30} GiB")
            yield np.load(opened, allow_pickle=False)
    except FileNotFoundError:
        raise DatasetError(f"no {file}", hint=hint) from None
    except DAMAGED as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise DatasetError(f"cannot read {file}: {' '.join(reason.split())}", hint=hint) from error


def _check(kept: object) -> None:
    if not isinstance(kept, np.lib.npyio.NpzFile) or kept.zip is None:
        raise ValueError("it is one array, not an archive of several")
    whole = sum(entry.file_size for entry in kept.zip.infolist())
    if whole > LARGEST:
        raise ValueError(f"its arrays have {whole / 2**30:.0f} GiB, unpacked")
