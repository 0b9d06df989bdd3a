"""Named arrays as npz files, written atomically: equal arrays give equal bytes, by the same zlib."""

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

_LEVEL = 1  #: of compression: 6 takes twice as long to save a tenth of what is left


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
    """The bytes of an npz file, without the modification time that numpy writes.

    Codes, labels and ids are compressed, which makes a record's file an eighth of its size in about a millisecond.
    Floats are not: they hardly shrink, and those of images would take long.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry, whole = zipfile.ZipInfo(f"{name}.npy"), np.ascontiguousarray(array)
            if whole.dtype.kind == "f":
                with archive.open(entry, "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, whole, allow_pickle=False)
            else:
                content = io.BytesIO()
                np.lib.format.write_array(content, whole, allow_pickle=False)
                archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()
