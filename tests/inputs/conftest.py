"""What the tables of bad inputs share: a folder of wrong files, and the rules that every refusal keeps."""

import contextlib
import io
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
import pytest

import robusthash.cli.entry as entry
from robusthash.cli import run
from robusthash.errors import InputError, MissingDependencyError, UsageError

_PATIENCE = 15  #: seconds after which a command hangs; a machine may be busy
_BAD_INPUT = (click.UsageError, UsageError, InputError, MissingDependencyError)


@dataclass(frozen=True)
class Told:
    """What a command told of a bad input, once it is known to keep the rules."""

    code: int
    error: str
    hint: str
    out: str


Refused = Callable[..., Told]


@pytest.fixture(scope="session")
def wrong_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of every wrong sort."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    for name in ("folder.safetensors", "folder.py", "folder.toml"):
        (folder / name).mkdir()
    for name in ("fifo.safetensors", "fifo.py", "fifo.json"):
        os.mkfifo(folder / name)
    for suffix in ("", ".safetensors", ".py", ".toml", ".json"):
        (folder / f"loop{suffix}").symlink_to(f"loop{suffix}")
        (folder / f"empty{suffix}").touch()
        (folder / f"binary{suffix}").write_bytes(bytes(range(256)) * 8)
        (folder / f"dangling{suffix}").symlink_to("nowhere")
    (folder / "truncated.safetensors").write_bytes(b'\x40\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[4]')
    (folder / "huge.safetensors").write_bytes(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}")
    (folder / "pickle.pt").write_bytes(b"\x80\x02K\x01.")
    (folder / "pickle.safetensors").write_bytes(b"\x80\x02K\x01.")
    (folder / "text").write_text("not a folder")
    (folder / "no.json").write_text("{}")
    (folder / "syntax.py").write_text("def build(bits:\n")
    (folder / "raises.py").write_text("raise RuntimeError('boom')\n")
    (folder / "nothing.py").write_text("def build(bits):\n    return None\n")
    return folder


@pytest.fixture
def refused(
    wrong_files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> Iterator[Refused]:
    """Runs a command that must refuse its input, and checks how it does.

    It ends with the exit code and an error of the right class; tells one error and one hint, each on a line, and
    nothing on standard output; neither hangs nor calls itself broken; and leaves the disk as it was.
    """
    monkeypatch.chdir(wrong_files)
    raised: list[BaseException | None] = []
    fail = entry._fail
    monkeypatch.setattr(entry, "_fail", lambda *told: raised.append(sys.exception()) or fail(*told))

    def check(
        arguments: list[str], says: str = "", code: int = 2, kind: type[Exception] | tuple[type[Exception], ...] = ()
    ) -> Told:
        before = _everything(wrong_files, cache)
        out, err = io.StringIO(), io.StringIO()
        with _in_time(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = run(arguments)
        text = err.getvalue()
        assert found == code, (found, text, out.getvalue())
        assert "Traceback" not in text
        assert "internal error" not in text
        lines = [line for line in text.splitlines() if not line.startswith("warning: ")]
        errors = [line for line in lines if line.startswith(("error: ", "nothing selected: "))]
        hints = [line for line in lines if line.startswith("hint: ")]
        assert len(errors) == 1, text
        assert len(hints) == 1, text
        assert lines[-2:] == [*errors, *hints], text
        assert text.isprintable() or all(line.isprintable() for line in text.split("\n")), repr(text)
        assert says in errors[0], text
        assert len(errors[0]) < 3000, len(errors[0])
        assert not out.getvalue(), out.getvalue()
        for error in raised:
            assert isinstance(error, kind or _BAD_INPUT), repr(error)
        changed = before.items() ^ _everything(wrong_files, cache).items()
        assert not changed, sorted(changed)
        return Told(code=found, error=errors[0], hint=hints[0], out=out.getvalue())

    yield check
    assert not recwarn.list


def _everything(*folders: Path) -> dict[str, tuple[int, int, int]]:
    """What lies in folders: the mode, size and time of each path."""
    found = {}
    for folder in folders:
        for place, folders_here, files in os.walk(folder):
            for name in (*folders_here, *files):
                path = f"{place}/{name}"
                state = os.lstat(path)
                found[path] = state.st_mode, 0 if stat.S_ISDIR(state.st_mode) else state.st_size, state.st_mtime_ns
    return found


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("the command hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
