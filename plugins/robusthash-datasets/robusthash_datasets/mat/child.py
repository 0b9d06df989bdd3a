"""The process that parses a MATLAB file: ``python -m robusthash_datasets.mat.child FILE HANDLE``.

The libraries that parse these files are written in C, and a damaged or malicious file can kill the process that they
run in. So they run in this one, with limited memory. It answers requests, a line of JSON each, and puts numbers into
the file that it was handed; it is started once per file, and ends with the process that asks.
"""

import json
import os
import resource
import sys
import zlib
from importlib import import_module
from typing import Any

import numpy as np

MEMORY = 8 << 30  #: bytes of address space: four times a variable of version 5, which has at most 2 GiB
_PART = 64 << 20  #: bytes that are written at a time

#: Errors that h5py and scipy raise on damaged files.
_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, RuntimeError, OverflowError, MemoryError)


class RefusedError(Exception):
    """The answer is an error, in words for the user."""


class _Reader:
    def __init__(self, file: str, handle: int, *, hdf5: bool) -> None:
        self._file, self._handle, self._hdf5 = file, handle, hdf5
        self._opened: Any = None
        self._arrays: dict[str, Any] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        array = self._array(request["key"])
        if request["what"] == "texts":
            return {"texts": _texts(array)}
        if len(array.shape) != request["axes"] or array.dtype.kind not in "buif":
            raise RefusedError(
                f"{request['key']} is {array.dtype} {tuple(array.shape)}, not numbers with {request['axes']} axes"
            )
        if request["what"] == "shape":
            chunks = getattr(array, "chunks", None)
            return {"shape": list(array.shape), "dtype": array.dtype.str, "chunks": chunks and list(chunks)}
        index = tuple(slice(*one) if isinstance(one, list) else one for one in request["index"])
        values = np.ascontiguousarray(array[index])
        content = values.reshape(-1).view(np.uint8).data
        os.ftruncate(self._handle, 0)
        for start in range(0, len(content), _PART):
            part = content[start : start + _PART]
            while part:
                written = os.pwrite(self._handle, part, start)
                start, part = start + written, part[written:]
        return {"shape": list(values.shape), "dtype": values.dtype.str}

    def _array(self, key: str) -> Any:
        if key not in self._arrays:
            self._arrays[key] = self._from_hdf5(key) if self._hdf5 else self._from_version_5(key)
        return self._arrays[key]

    def _from_version_5(self, key: str) -> Any:
        io = import_module("scipy.io")
        kept = io.loadmat(self._file, variable_names=[key])
        if key not in kept:
            raise RefusedError(_missing(key, [name for name, *_ in io.whosmat(self._file)]))
        if not isinstance(kept[key], np.ndarray):
            raise RefusedError(f"{key} is {type(kept[key]).__name__}, not an array")
        return kept[key].T

    def _from_hdf5(self, key: str) -> Any:
        h5py = import_module("h5py")
        if self._opened is None:
            # No lock: the file is not written, and a read-only file system may refuse one.
            self._opened = h5py.File(self._file, "r", locking=False)
        # A link may name another file, which nobody has asked for.
        if isinstance(self._opened.get(key, getlink=True), h5py.ExternalLink):
            raise RefusedError(f"{key} is a link to another file")
        found = self._opened.get(key)
        if found is None:
            raise RefusedError(_missing(key, list(self._opened)))
        if not isinstance(found, h5py.Dataset):
            raise RefusedError(f"{key} is a {type(found).__name__.lower()}, not an array")
        if found.external:
            raise RefusedError(f"the values of {key} are in another file")
        return found


def main() -> None:
    """Answers requests until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if limit == resource.RLIM_INFINITY else min(MEMORY, limit), limit))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    reader = _Reader(sys.argv[1], int(sys.argv[2]), hdf5=sys.argv[3] == "hdf5")
    for line in sys.stdin:
        try:
            answer = reader.answer(json.loads(line))
        except RefusedError as error:
            answer = {"refused": str(error)}
        except ImportError as error:
            answer = {"missing": str(error)}
        except (*_BROKEN, zlib.error) as error:
            answer = {"broken": _reason(error)}
        except Exception as error:
            answer = {"broken": _reason(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _texts(cells: Any) -> list[str]:
    values = np.asarray(cells).T
    return [str(np.asarray(cell).ravel()[0]).strip() if np.size(cell) else "" for cell in values.ravel()]


def _missing(key: str, names: list[str]) -> str:
    return f"it has no {key}; it has {', '.join(sorted(names)[:9]) or 'nothing'}"


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"it needs more than {MEMORY >> 30} GiB of memory"
    return " ".join(str(error).split())[:300] or type(error).__name__


if __name__ == "__main__":
    main()
