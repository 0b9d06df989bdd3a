"""Starts and asks the process that parses a MATLAB file; the file may kill it, and it has only so much time."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np

PATIENCE = 600.0  #: seconds for an answer: a gigabyte takes a minute to decompress on a slow disk

_DTYPE = re.compile(r"[<>|=][buif](1|2|4|8|16)")
_LONGEST = 256 << 20  #: bytes of an answer: the names of a million images


class UnparsableError(Exception):
    """The process died, or took too long; the message says which."""


class Parser:
    """A process that parses one file.

    Args:
        file: its path.
        hdf5: whether it is of version 7.3.
    """

    def __init__(self, file: Path, *, hdf5: bool) -> None:
        # Numbers come in a file without a name: a pipe would copy them twice, and cost a second per gigabyte.
        self._numbers: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the process
        handle = self._numbers.fileno()
        kind = "hdf5" if hdf5 else "version 5"
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "robusthash_datasets.mat.child", str(file.absolute()), str(handle), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(handle,),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._finalizer = weakref.finalize(self, _end, self._process, self._numbers, os.getpid())

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Asks, and waits for the answer.

        Args:
            request: as :mod:`robusthash_datasets.mat.child` understands it.

        Raises:
            UnparsableError: the process died or took too long.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise UnparsableError(self._end_of_it()) from None
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def values(self, answer: dict[str, Any]) -> np.ndarray:
        """The numbers of an answer, in memory.

        Args:
            answer: with their shape and type.

        Raises:
            UnparsableError: they are not what the answer says.
        """
        kind, shape = str(answer["dtype"]), tuple(int(length) for length in answer["shape"])
        if not _DTYPE.fullmatch(kind):
            raise UnparsableError(f"values of type {kind}")
        dtype = np.dtype(kind)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if os.fstat(self._numbers.fileno()).st_size != size:
            raise UnparsableError("fewer values than stated")
        self._numbers.seek(0)
        return np.fromfile(self._numbers, dtype=dtype).reshape(shape)

    def close(self) -> None:
        """Ends the process."""
        self._finalizer()

    def _line(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        pipe, end, line = self._process.stdout.fileno(), time.monotonic() + PATIENCE, bytearray()
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                left = end - time.monotonic()
                if left <= 0 or not waiting.select(left):
                    self.close()
                    raise UnparsableError(f"parsing it takes more than {PATIENCE:.0f} seconds")
                part = os.read(pipe, 1 << 16)
                if not part:
                    raise UnparsableError(self._end_of_it())
                line += part
                if len(line) > _LONGEST:
                    self.close()
                    raise UnparsableError("it names too much")
        return bytes(line)

    def _end_of_it(self) -> str:
        code = self._process.wait()
        self.close()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the library that parses it died of it ({how})"


def _end(process: subprocess.Popen[bytes], numbers: IO[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork has the pipes, too, and must leave the process to its parent
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, numbers):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # what was not sent is not needed
