"""Arrays in MATLAB files, of version 7.3 (which is HDF5) or of version 5, read by slices."""

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import DatasetError, MissingDependencyError
from robusthash.files.contents import content_digests, file_state
from robusthash.files.opening import open_file
from robusthash_datasets.images.memory import zeros_and_ones
from robusthash_datasets.mat.parser import Parser, UnparsableError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_STARTS = (0, 512)  #: offsets at which HDF5 may begin; MATLAB puts a header of its own before it
_VERSION_5 = b"MATLAB 5.0"

Index = tuple[slice | int, ...]


@dataclass(frozen=True, kw_only=True)
class ArrayInfo:
    """An array, without its values.

    Attributes:
        shape: its axes, as h5py has them.
        dtype: of its values.
        chunks: shape of its compressed pieces; None if it has none.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None


class MatFile:
    """A MATLAB file. Its arrays have the axes of h5py: those of MATLAB in reverse order.

    It is parsed by a process of its own, which a damaged file may kill; it is started on the first read, in each
    process separately. From version 7.3 only the requested part is read; from version 5, a whole variable.

    Args:
        file: its path.
        remedy: how to get it, for errors.
    """

    def __init__(self, file: Path, *, remedy: str) -> None:
        self.file = file
        self.remedy = remedy
        self._state = file_state(file, settled=False)
        self._process = os.getpid()
        self._parser: Parser | None = None
        self._known: dict[str, ArrayInfo] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_parser": None}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file's content, in hexadecimal; remembered, as the file may have gigabytes."""
        return content_digests([self.file])[0].hex()

    def array(self, key: str, axes: int) -> ArrayInfo:
        """Shape and type of an array.

        Args:
            key: its name.
            axes: the required number of axes.

        Raises:
            DatasetError: the file is missing, damaged, or changed; or has no such array of numbers.
            MissingDependencyError: h5py or scipy is not installed.
        """
        self._unchanged()
        if key not in self._known:
            found = self._ask({"what": "shape", "key": key, "axes": axes})
            chunks = found["chunks"]
            self._known[key] = ArrayInfo(
                shape=tuple(found["shape"]),
                dtype=np.dtype(found["dtype"]),
                chunks=None if chunks is None else tuple(chunks),
            )
        info = self._known[key]
        if len(info.shape) != axes:
            raise self.error(f"{key} is {info.dtype} {info.shape}, not numbers with {axes} axes")
        return info

    def read(self, key: str, index: Index) -> np.ndarray:
        """A part of an array.

        Args:
            key: the array's name.
            index: a slice or a number for each axis.

        Raises:
            DatasetError: as for :meth:`array`, or that part is damaged.
        """
        self._unchanged()
        plain = [[one.start, one.stop, one.step] if isinstance(one, slice) else int(one) for one in index]
        answer = self._ask({"what": "part", "key": key, "axes": len(index), "index": plain})
        assert self._parser is not None  # noqa: S101 - it has answered
        return self._parser.values(answer)

    def texts(self, key: str) -> list[str]:
        """A cell array of texts, in the order of its cells; cells without a text are empty.

        Args:
            key: its name.

        Raises:
            DatasetError: as for :meth:`array`, or the file is not of version 5.
        """
        if self._is_hdf5():
            raise self.error("it is of MATLAB version 7.3, not version 5")
        self._unchanged()
        found: list[str] = self._ask({"what": "texts", "key": key})["texts"]
        return found

    def close(self) -> None:
        """Ends the process that parses; the next read starts another."""
        if self._parser is not None and self._process == os.getpid():
            self._parser.close()
        self._process, self._parser = os.getpid(), None

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
        return zeros_and_ones(values, f"{self.file}: {key}", hint=self.remedy)

    def _unchanged(self) -> None:
        if self._state and file_state(self.file, settled=False) != self._state:
            raise DatasetError(f"{self.file} has changed since it was opened", hint="load the dataset again")

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process != os.getpid():
            self.close()
        try:
            if self._parser is None:
                hdf5 = self._is_hdf5()
                _require("h5py" if hdf5 else "scipy")
                self._parser = Parser(self.file, hdf5=hdf5)
            answer = self._parser.ask(request)
        except UnparsableError as error:
            self.close()
            raise self.error(f"it is truncated or damaged: {error}") from error
        if "refused" in answer:
            raise self.error(answer["refused"])
        if "missing" in answer:
            raise MissingDependencyError(
                f"{self.file} cannot be read: {answer['missing']}", hint="pip install 'robusthash-datasets[mat]'"
            )
        if "broken" in answer:
            what = f"cannot read {request['key']}" if request["what"] == "part" else "it is truncated or damaged"
            raise self.error(f"{what}: {answer['broken']}")
        return answer

    def _is_hdf5(self) -> bool:
        try:
            with open_file(self.file) as opened:
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


def _require(package: str) -> None:
    if sys.modules.get(package, package) is None or find_spec(package) is None:
        version = "7.3" if package == "h5py" else "5"
        raise MissingDependencyError(
            f"a MATLAB file of version {version} needs the package {package}",
            hint="pip install 'robusthash-datasets[mat]'",
        )
