"""Arrays in MATLAB files, of version 7.3 (which is HDF5) or of version 5, read by slices."""

import os
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import DatasetError, MissingDependencyError
from robusthash_datasets.images.broken import stamp

_HDF5 = b"\x89HDF\r\n\x1a\n"
_STARTS = (0, 512)  #: offsets at which HDF5 may begin; MATLAB puts a header of its own before it
_VERSION_5 = b"MATLAB 5.0"

#: Errors that h5py and scipy raise on damaged files.
_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, RuntimeError, OverflowError, zlib.error)

Index = tuple[slice | int, ...]


class MatFile:
    """A MATLAB file. Its arrays have the axes of h5py: those of MATLAB in reverse order.

    It is opened on the first read, in each process separately, because a handle of HDF5 survives neither a fork nor a
    pickle. From version 7.3 only the requested part is read; a variable of version 5, of at most 2 GiB, is read whole.

    Args:
        file: its path.
        remedy: how to get it, for errors.
    """

    def __init__(self, file: Path, *, remedy: str) -> None:
        self.file = file
        self.remedy = remedy
        self.stamp = stamp(file)
        self._process = os.getpid()
        self._handle: Any = None
        self._arrays: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handle": None, "_arrays": {}}

    def array(self, key: str, axes: int) -> Any:
        """An array: an ``h5py.Dataset``, or in version 5 a NumPy array.

        Args:
            key: its name.
            axes: the required number of axes.

        Raises:
            DatasetError: the file is missing, damaged, or changed; or has no such array.
            MissingDependencyError: h5py is not installed.
        """
        if stamp(self.file) != self.stamp:
            raise DatasetError(f"{self.file} has changed since it was opened", hint="load the dataset again")
        if self._process != os.getpid():
            self.close()
        if key not in self._arrays:
            self._arrays[key] = self._opened(key)
        array = self._arrays[key]
        if len(array.shape) != axes or array.dtype.kind not in "buif":
            raise self.error(f"{key} is {array.dtype} {array.shape}, not numbers with {axes} axes")
        return array

    def read(self, key: str, index: Index) -> np.ndarray:
        """A part of an array.

        Args:
            key: the array's name.
            index: a slice or a number for each axis.

        Raises:
            DatasetError: as for :meth:`array`, or that part is damaged.
        """
        array = self.array(key, len(index))
        try:
            return np.asarray(array[index])
        except _BROKEN as error:
            raise self.error(f"cannot read {key}: {_reason(error)}") from error

    def close(self) -> None:
        """Releases handle and memory; the next read opens the file again."""
        self._process, self._handle, self._arrays = os.getpid(), None, {}

    def error(self, what: str) -> DatasetError:
        """An error that names the file, with the remedy as its hint."""
        return DatasetError(f"{self.file}: {what}", hint=self.remedy)

    def labels(self, key: str) -> np.ndarray:
        """A matrix of zeros and ones: (n, classes) uint8, one row per item.

        Args:
            key: its name.

        Raises:
            DatasetError: as for :meth:`read`, or it has other values.
        """
        values = self.read(key, (slice(None), slice(None))).T
        wrong = np.argwhere((values != 0) & (values != 1))
        if len(wrong):
            row, column = wrong[0].tolist()
            what = f"{values[row, column]} is neither 0 nor 1"
            raise self.error(f"{key}, row {row + 1}, column {column + 1}: {what}")
        return np.ascontiguousarray(values, dtype=np.uint8)

    def variable(self, key: str) -> Any:
        """A variable of a file of version 5, in MATLAB's own axes; cells are arrays of objects.

        Raises:
            DatasetError: the file is missing, of another version, or damaged, or has no such variable.
        """
        if self._is_hdf5():
            raise self.error("it is of MATLAB version 7.3, not version 5")
        scipy = _library("scipy.io", "a MATLAB file of version 5")
        broken = (*_BROKEN, scipy.matlab.MatReadError)
        try:
            kept = scipy.loadmat(self.file, variable_names=[key])
            names = [] if key in kept else [name for name, *_ in scipy.whosmat(self.file)]
        except broken as error:
            raise self.error(f"it is truncated or damaged: {_reason(error)}") from error
        if key not in kept:
            raise self._missing(key, names)
        return kept[key]

    def _opened(self, key: str) -> Any:
        if not self._is_hdf5():
            value = self.variable(key)
            if not isinstance(value, np.ndarray):
                raise self.error(f"{key} is {type(value).__name__}, not an array")
            return value.T
        h5py = _library("h5py", "a MATLAB file of version 7.3")
        try:
            if self._handle is None:
                # No lock: the file is not written, and a read-only file system may refuse one.
                self._handle = h5py.File(self.file, "r", locking=False)
            found = self._handle.get(key)
            names = list(self._handle) if found is None else []
        except _BROKEN as error:
            raise self.error(f"it is truncated or damaged: {_reason(error)}") from error
        if found is None:
            raise self._missing(key, names)
        if not isinstance(found, h5py.Dataset):
            raise self.error(f"{key} is a {type(found).__name__.lower()}, not an array")
        return found

    def _missing(self, key: str, names: list[str]) -> DatasetError:
        return self.error(f"it has no {key}; it has {', '.join(sorted(names)[:9]) or 'nothing'}")

    def _is_hdf5(self) -> bool:
        try:
            with self.file.open("rb") as opened:
                head = opened.read(_STARTS[-1] + len(_HDF5))
        except FileNotFoundError:
            raise DatasetError(f"no {self.file}", hint=self.remedy) from None
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}") from error
        if any(head[start : start + len(_HDF5)] == _HDF5 for start in _STARTS):
            return True
        if not head.startswith(_VERSION_5):
            raise self.error("it is not a MATLAB file of version 5 or 7.3")
        return False


def _library(name: str, what: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingDependencyError(
            f"{what} needs the package {package}: {error}", hint="pip install 'robusthash-datasets[mat]'"
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
