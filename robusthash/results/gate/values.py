"""One array of per-query scores out of an npz file, read without numpy: the gate starts in a tenth of the time."""

import re
import struct
import sys
import zipfile
from array import array
from pathlib import Path

from robusthash.errors import InputError
from robusthash.files.opening import DAMAGED

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(rb"\{'descr': '<f8', 'fortran_order': (?:False|True), 'shape': \((?P<queries>\d+),\), ?\}")
_LARGEST = 1 << 28  #: bytes; an array of scores has 8 for each query


def read_scores(path: Path, name: str) -> "array[float]":
    """The per-query values of an array.

    Args:
        path: of the npz file.
        name: of the array.

    Returns:
        (queries,) float64.

    Raises:
        InputError: the file or the array is missing, damaged, or holds no scores.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(f"{name}.npy")
            return _floats(archive.read(entry) if entry.file_size <= _LARGEST else b"", name)
    except KeyError:
        raise InputError(f"{path} has no {name}", hint="evaluate again with --force") from None
    except DAMAGED as error:
        raise InputError(f"cannot read {name} of {path}: {error}", hint="evaluate again with --force") from error


def _floats(content: bytes, name: str) -> "array[float]":
    """The numbers of an npy file (NumPy Enhancement Proposal 1)."""
    if content[:6] != _MAGIC:
        raise ValueError("it is not an array")
    length, start = ("<H", 10) if content[6] == 1 else ("<I", 12)
    end = start + struct.unpack_from(length, content, 8)[0]
    header = _HEADER.fullmatch(content[start:end].strip())
    if header is None:
        raise ValueError(f"{name} is not one float per query")
    values = array("d", content[end:])
    if sys.byteorder == "big":
        values.byteswap()
    if len(values) != int(header["queries"]):
        raise ValueError(f"{name} has {len(values)} of {int(header['queries'])} values")
    return values
