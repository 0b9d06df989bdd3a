"""A connection to a Ray cluster: to one that is named, or to one that is started on this machine and stopped again."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from robusthash.errors import MissingDependencyError, StorageError, UsageError
from robusthash_ray import reaper

_LONGEST = 40  #: bytes of a folder's path in which Ray's sockets keep within the 107 of a Unix socket's
_SILENT = 100  #: a level of logging above all messages: what matters is told by errors
_POLL = 2.0  #: seconds that are waited at once, so that Ctrl-C is heard, and a cluster that is gone is noticed
_SECONDS = 60.0  #: that what a cluster has left is cleaned up in


def library() -> ModuleType:
    """The ray module.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module("ray")
    except ImportError as error:
        raise MissingDependencyError(f"ray cannot be imported: {error}", hint="pip install ray") from error


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        ray: the ray module.
        own: whether it was started for this process alone. Then several runs at once share its cores, and none waits
            until another one has ended, as Ray would have it.
    """

    ray: ModuleType
    own: bool

    def require_alive(self) -> None:
        """Checks that this process is still a part of the cluster: otherwise it would wait for ever.

        Raises:
            StorageError: Ray's own processes on this machine are gone.
        """
        own = self.ray.get_runtime_context().get_node_id()
        if not any(node["Alive"] and node["NodeID"] == own for node in self.ray.nodes()):
            raise StorageError(
                "the Ray cluster is gone: its processes on this machine have been ended",
                hint="finished shards are kept: run again",
            )

    def answered(self, asked: Sequence[Any], *, wanted: int = 1) -> list[Any]:
        """Those of Ray's references whose answers have come, after a while at most.

        Args:
            asked: the references.
            wanted: how many are waited for; fewer may have come.

        Raises:
            StorageError: the cluster is gone.
        """
        done, _ = self.ray.wait(list(asked), num_returns=wanted, timeout=_POLL)
        if len(done) < wanted:
            self.require_alive()
        return list(done)

    def room(self, cpus: float, gpus: float) -> int:
        """How many workers have room.

        Args:
            cpus: cores of each, more than 0.
            gpus: GPUs of each.

        Raises:
            UsageError: not even one has.
        """
        there = {**self.ray.cluster_resources(), **({"CPU": float(cores())} if self.own else {})}
        found = min(int(there.get(name, 0) / need + 1e-6) for name, need in (("CPU", cpus), ("GPU", gpus)) if need)
        if not found:
            raise UsageError(
                f"no worker of {cpus:g} CPUs and {gpus:g} GPUs has room on the Ray cluster, which has "
                f"{there.get('CPU', 0):g} CPUs and {there.get('GPU', 0):g} GPUs",
                hint="lower ray.cpus or ray.gpus, or use --device cpu",
            )
        return found


class _Connections:
    """The one connection of this process, which Ray itself keeps: several runs at once share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._own = False
        self._place = ExitStack()

    @contextmanager
    def shared(self, address: str | None) -> Iterator["Cluster"]:
        """The connection, made by the first that needs it and ended by the last."""
        with self._lock:
            ray = library()
            if ray.is_initialized():
                _require_same(ray, address)
            else:
                self._place, self._own = ExitStack(), address is None
                try:
                    self._place.enter_context(_started(ray) if address is None else _joined(ray, address))
                except BaseException:
                    self._place.close()
                    raise
            self._users += 1
        try:
            yield Cluster(ray=ray, own=self._own)
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._own = False
                    self._place.close()
                    self._place = ExitStack()


connected = _Connections().shared
"""Connects this process to a cluster, and yields it. A connection of the caller's own is used, and left.

Args:
    address: of a cluster, as Ray takes it: ``auto``, or host and port. None starts one on this machine, and joins no
        other, whatever the environment says.

Raises:
    MissingDependencyError: ray is not installed.
    UsageError: there is no cluster at the address, or this process is connected to another.
    StorageError: no cluster can be started here.
"""


def _require_same(ray: ModuleType, address: str | None) -> None:
    there = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", there):
        raise UsageError(
            f"this process is connected to the Ray cluster at {there}, not to {address}",
            hint="call ray.shutdown() first, or leave the address out",
        )


@contextmanager
def _joined(ray: ModuleType, address: str) -> Iterator[None]:
    if "://" in address:
        raise UsageError(
            f"ray.address={address}: Ray's client is not supported",
            hint="run on a machine of the cluster, with ray.address=auto",
        )
    with _quiet(ray), _signals():
        try:
            ray.init(address=address, **_usual())
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise UsageError(
                f"there is no Ray cluster to join at {address}: {_line(error)}",
                hint="start one with `ray start --head`, or leave ray.address out: one is started for the run",
            ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _started(ray: ModuleType) -> Iterator[None]:
    folder = _short_folder()
    # Its input ends with this process, however this one ends.
    cleaner = subprocess.Popen(  # noqa: S603 - a file of this package
        [sys.executable, "-I", "-S", str(Path(reaper.__file__)), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    try:
        with _quiet(ray), _signals():
            try:
                ray.init(address="local", num_cpus=cores(), include_dashboard=False, _temp_dir=folder, **_usual())
            except (OSError, RuntimeError, ValueError, TimeoutError) as error:
                raise StorageError(
                    f"no Ray cluster can be started on this machine: {_line(error)}",
                    hint="use --workers instead, which needs no Ray",
                ) from error
        yield
    finally:
        ray.shutdown()
        assert cleaner.stdin is not None  # noqa: S101 - a pipe was asked for
        cleaner.stdin.close()
        cleaner.wait(_SECONDS)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _usual() -> dict[str, object]:
    return {"log_to_driver": False, "logging_level": _SILENT, "configure_logging": True}


def _short_folder() -> str:
    """A folder of its own for a cluster, whose path leaves room for the names of sockets."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - a folder with a random name is made in it
        if len(os.fsencode(parent)) <= _LONGEST - len("/rh-12345678"):
            try:
                return str(Path(tempfile.mkdtemp(prefix="rh-", dir=parent)).resolve())
            except OSError:
                continue
    raise StorageError(
        "there is no folder for Ray's sockets, whose paths may have 107 bytes", hint="set TMPDIR to a short path"
    )


@contextmanager
def _quiet(ray: ModuleType) -> Iterator[None]:
    """No usage statistics, and no messages of workers that died among the results on standard output."""
    before = os.environ.get("RAY_USAGE_STATS_ENABLED")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # There is no public way: Ray prints them from a thread, whatever the level of logging.
    if hasattr(ray._private.worker, "print_to_stdstream"):
        ray._private.worker.print_to_stdstream = _say_nothing
    try:
        yield
    finally:
        if before is None:
            del os.environ["RAY_USAGE_STATS_ENABLED"]
        else:
            os.environ["RAY_USAGE_STATS_ENABLED"] = before


def _say_nothing(*_lines: object, **_how: object) -> None:
    """Instead of printing."""


@contextmanager
def _signals() -> Iterator[None]:
    """Leaves the handling of SIGTERM as it is: with Ray's, the process would abort."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
