"""Named arrays as npz files, written atomically: equal arrays give equal bytes."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from robusthash.errors import InputError
from robusthash.files.opening import DAMAGED, open_file
from robusthash.files.storage import write_atomically

__all__ = ["Arrays", "read_arrays", "to_npz", "write_arrays"]

Arrays = Mapping[str, np.ndarray]


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Writes arrays.

    Raises:
        StorageError: the file cannot be written; an existing one is unchanged.
    """
    write_atomically(path, to_npz(arrays))


def read_arrays(path: Path, *, at_most: int | None = None) -> dict[str, np.ndarray]:
    """Reads what :func:`write_arrays` wrote.

    Args:
        path: of the file.
        at_most: bytes that the arrays may have together, unpacked; None is any number.

    Raises:
        InputError: the file is missing or damaged, or holds more.
    """
    try:
        with open_file(path) as file, np.load(file, allow_pickle=False) as arrays:
            whole = sum(entry.file_size for entry in arrays.zip.infolist())
            if at_most is not None and whole > at_most:
                raise ValueError(f"its arrays have {whole >> 20} MiB unpacked, more than {at_most >> 20}")
            return dict(arrays)
    except DAMAGED as error:
        raise InputError(f"cannot read the arrays {path}: {error}", hint="evaluate again with --force") from error


def to_npz(arrays: Arrays) -> bytes:
    """The bytes of an npz file, without the modification time that numpy writes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()
