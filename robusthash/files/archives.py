"""NumPy archives (``.npz``) of strangers: zip files of arrays, without pickles, and of a size that memory holds.

NumPy reads them in Python, without a decoder in C that could be led astray, so they need no process of their own.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError
from robusthash.files.opening import DAMAGED, open_file

__all__ = ["read_arrays"]

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
    try:
        with open_file(file) as opened:
            kept = np.load(opened, allow_pickle=False)
            _check(kept)
            return {name: kept[name] for name in names}
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
