"""Whole runs on Ray: the bytes of a run in one process, also where a worker or the run itself is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from robusthash.cli import run

pytestmark = pytest.mark.slow

MARK = "ROBUSTHASH_RAY_TEST"  #: by which processes of a run are found
#: A model whose worker is killed once, if a file says so. Ray's workers are scripts of that name. If a file names a
#: folder of results, the model waits once this has a first shard: however quick a machine is, the run is under way.
NETWORK = """import os
import signal
import sys
import time
from pathlib import Path

import torch


class Held(torch.nn.Sequential):
    def forward(self, images):
        hold = Path("hold")
        while hold.exists() and any(Path(hold.read_text()).glob(".shards/*/*")):
            time.sleep(0.1)
        return super().forward(images)


def build(bits):
    mark = Path("kill-a-worker")
    if sys.argv[0].endswith("default_worker.py") and mark.exists():
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    torch.manual_seed(0)
    return Held(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))
"""
CELLS = ("eval", "--model", "linear.py:build", "--queries", "10", "--shard-size", "3", "--quiet")
ATTACKS = ("--attack", "rnm", "-o", "rnm.steps=3", "--attack", "hag", "-o", "hag.steps=3")
RAY = ("--executor", "ray", "-o", "ray.workers=2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "linear.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "worker-killed"])
def test_a_run_has_the_bytes_of_one_process(folder: Path, killed: bool) -> None:
    assert run([*CELLS, *ATTACKS, "--results", "alone"]) == 0
    if killed:
        (folder / "kill-a-worker").touch()
    assert run([*CELLS, *ATTACKS, *RAY, "--results", "ray"]) == 0
    assert not (folder / "kill-a-worker").exists()
    assert stored(folder / "ray") == stored(folder / "alone")
    assert len(stored(folder / "ray")) == 3 * 2 + 1


@pytest.mark.usefixtures("cluster")
def test_a_cell_that_fails_stops_no_other(folder: Path) -> None:
    (folder / "broken.py").write_text(
        NETWORK.replace("    mark =", "    assert not sys.argv[0].endswith('default_worker.py'), 'broken'\n    mark =")
    )
    options = ["--model", "broken.py:build", *ATTACKS, *RAY]
    assert run([*CELLS, *options, "--results", "ray"]) != 0
    assert run([*CELLS, *ATTACKS, "--results", "alone"]) == 0
    assert stored(folder / "ray") == stored(folder / "alone")


def test_an_interrupted_run_leaves_a_folder_to_go_on_with(folder: Path) -> None:
    """And nothing running, however it was ended: Ray's agents would otherwise stay for minutes."""
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        name = number.name.lower()
        started = begun(folder, name)
        started.send_signal(number)
        assert started.wait(60) == code, name
        _wait_until(lambda: not processes(folder), f"{number.name} leaves {processes(folder)}", 60)
        assert not left(), name
    (folder / "hold").unlink()
    assert run([*CELLS, *ATTACKS, "--results", "alone"]) == 0
    for name in ("sigint", "sigterm", "sigkill"):
        assert run([*CELLS, *ATTACKS, "--results", name]) == 0
        assert stored(folder / name) == stored(folder / "alone"), name


def test_a_cluster_that_is_gone_ends_the_run(folder: Path) -> None:
    """Not waited for. Ray may end the process by itself, before the reason can be told."""
    started = begun(folder, "gone", errors=subprocess.PIPE)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "comm").read_text() == "raylet\n" and process.name in _children(started.pid):
                os.kill(int(process.name), signal.SIGTERM)
    _, told = started.communicate(timeout=120)
    assert started.returncode == 1, told
    assert b"the Ray cluster is gone" in told or b"Traceback" not in told, told.decode()[-3000:]
    _wait_until(lambda: not processes(folder), f"it leaves {processes(folder)}", 60)
    assert any((folder / "gone").glob(".shards/*/*"))


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def test_a_cluster_that_others_have_started_is_joined(folder: Path) -> None:
    """Its processes know nothing of this one's folder, variables or modules; it stays when the run is over."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ROBUSTHASH_")}
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    head = ["start", "--head", "--num-cpus", "2", "--port", "0", "--include-dashboard", "false", "--temp-dir"]
    short = Path("/tmp") / f"rh-test-{os.getpid()}"  # noqa: S108 - sockets need a short path
    try:
        subprocess.run(
            [*ray, *head, str(short), "--disable-usage-stats"], cwd="/", env=plain, check=True, capture_output=True
        )
        (address,) = {one.read_text() for one in short.glob("ray_current_cluster")} or {"auto"}
        assert run([*CELLS, *ATTACKS, "--results", "alone"]) == 0
        done = subprocess.run(
            [sys.executable, "-m", "robusthash", *CELLS, *ATTACKS, *RAY, "-o", f"ray.address={address.strip()}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert stored(folder / "results") == stored(folder / "alone")
    finally:
        for process in _with_files_in(short):
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(short, ignore_errors=True)


def begun(folder: Path, results: str, *, errors: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """A run on Ray in a process of its own, and of its own group, as the shell starts it, held after one shard."""
    (folder / "hold").write_text(results)
    started = subprocess.Popen(
        [sys.executable, "-m", "robusthash", *CELLS, *ATTACKS, *RAY, "--results", results],
        cwd=folder,
        env={**os.environ, MARK: str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
    )
    _wait_until(lambda: any((folder / results).glob(".shards/*/*")), "no shard was finished", 120)
    return started


def stored(folder: Path) -> dict[str, Any]:
    """What a folder of results holds, but for times."""
    return {
        str(path.relative_to(folder)): _timeless(json.loads(path.read_text()))
        if path.suffix == ".json"
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _timeless(one) for name, one in content.items() if name not in ("created", "seconds")}
    return [_timeless(one) for one in content] if isinstance(content, list) else content


def processes(folder: Path) -> list[str]:
    """Processes that a run in a folder has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
    return found


def left() -> list[Path]:
    """Folders of clusters that were started here, but of the one that the tests share."""
    from robusthash_ray.reaper import users

    return [one for one in Path("/tmp").glob("rh-????????") if not users(str(one))]  # noqa: S108 - where they are made


def _with_files_in(folder: Path) -> Iterator[int]:
    from robusthash_ray.reaper import users

    yield from (one for one in users(str(folder)) if one != os.getpid())


def _wait_until(done: Callable[[], bool], otherwise: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
