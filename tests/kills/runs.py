"""Runs of the command line, forked from one process that has loaded everything, and killed by themselves or from here.

A run that is to be killed at its k-th write, rename or removal does so itself: the calls of :mod:`os` are wrapped in
that process, and nothing in the product knows of it.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import robusthash.evaluation  # noqa: F401 - loaded once, for all runs
from robusthash.cli import run
from robusthash.files.snapshots import Snapshots

_CALLS = ("open", "fsync", "pwrite", "mkdir", "link", "rename", "replace", "unlink", "remove", "rmdir")
_MARK = "ROBUSTHASH_KILLS"  #: variable by which the processes that a run has started are known
LIMIT = 900.0  #: seconds after which a run hangs


@dataclass(frozen=True, kw_only=True)
class Kill:
    """When a run is killed: at a call, or some time after its start."""

    call: int | None = None  #: number of the call that changes a folder, from 0
    after: bool = False  #: whether the call is done first
    seconds: float | None = None  #: after the start
    worker: bool = False  #: whether one of its worker processes is killed, and it is to go on
    signal: int = signal.SIGKILL  #: from here

    def __str__(self) -> str:
        if self.call is not None:
            return f"{'after' if self.after else 'before'} call {self.call}"
        return f"{signal.Signals(self.signal).name} after {self.seconds:.2f} s"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that has been started."""

    pid: int
    arguments: Sequence[str]
    log: Path  #: what it prints; the JSON on standard output is beside it
    started: float
    killed: list[int] = field(default_factory=list)  #: processes

    @property
    def output(self) -> Path:
        """Its standard output."""
        return self.log.with_suffix(".out")

    @property
    def calls(self) -> Path:
        """Holds the number of its calls, once it has ended by itself."""
        return self.log.with_suffix(".calls")

    def _workers(self) -> list[int]:
        """Its worker processes, in an order of no meaning."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        found = [Path("/proc", child, "cmdline") for child in children]
        return [int(path.parent.name) for path in found if path.exists() and b"spawn_main" in path.read_bytes()]

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None if it still runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait(self, seconds: float = LIMIT) -> int | None:
        """Its exit code; None if it runs longer."""
        end = time.monotonic() + seconds
        while (code := self.ended()) is None and time.monotonic() < end:
            time.sleep(0.01)
        return code

    def finish(self, kill: Kill | None = None) -> int:
        """Its exit code, after it was killed as planned.

        Raises:
            TimeoutError: it hangs; it is killed.
        """
        if kill is not None and kill.seconds is not None:
            code = self.wait(kill.seconds)
            if code is not None:
                return code
            for victim in [self.pid] if not kill.worker else self._workers()[:1]:
                os.kill(victim, kill.signal)
                self.killed.append(victim)
        code = self.wait()
        if code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise TimeoutError(f"robusthash {' '.join(self.arguments)} hangs: {self.log}")
        return code


def start(arguments: Sequence[str], folder: Path, log: Path, kill: Kill | None = None) -> Run:
    """Starts a run in a process of its own.

    Args:
        arguments: of the command line; of several commands, one after another, ``then`` is between them.
        folder: where it runs; its cache is the folder ``cache`` in it.
        log: file for what it prints on standard error.
        kill: when it kills itself.
    """
    begun = Run(pid=0, arguments=arguments, log=log, started=time.monotonic())
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return Run(pid=pid, arguments=arguments, log=log, started=begun.started)
    code = 99
    try:
        for number, path in ((1, begun.output), (2, log)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(folder)
        os.environ |= {"ROBUSTHASH_CACHE": str(folder / "cache"), _MARK: str(folder)}
        sys.modules["__main__"] = types.ModuleType("__main__")  # a worker must not load this script
        assert Snapshots.__init__.__kwdefaults__
        Snapshots.__init__.__kwdefaults__["seconds"] = 0.0  # whenever there is something to store
        counted = _watch(kill)
        code = 0
        for command in _commands(arguments):
            code = code or run(command)
        sys.stdout.flush()
        begun.calls.write_text(str(counted()))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _commands(arguments: Sequence[str]) -> list[list[str]]:
    """The commands that ``then`` is between."""
    found: list[list[str]] = [[]]
    for argument in arguments:
        if argument == "then":
            found.append([])
        else:
            found[-1].append(argument)
    return found


def running(folder: Path, seconds: float = 60) -> list[str]:
    """Processes that runs in a folder have started and that still run, after some time to notice and go."""
    end = time.monotonic() + seconds
    while (found := _started_in(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _started_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if f"{_MARK}={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(f"{process.name} {(process / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()}")
    return found


def _watch(kill: Kill | None) -> Callable[[], int]:
    """Counts this process's calls that change folders, and kills it at one of them."""
    count = 0

    def watched(call: Callable[..., object], name: str) -> Callable[..., object]:
        def watching(*arguments: object, **named: object) -> object:
            nonlocal count
            if name == "open" and not (len(arguments) > 1 and int(str(arguments[1])) & os.O_CREAT):
                return call(*arguments, **named)
            here = kill is not None and count == kill.call
            count += 1
            if here and not kill.after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments, **named)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return watching

    for name in _CALLS:
        setattr(os, name, watched(getattr(os, name), name))
    return lambda: count
