"""The installed command: the main job, what it refuses, and, in processes of their own, what it survives."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from robusthash.cli import run
from robusthash.results import Record

QUICK = ("--queries", "24", "--shard-size", "4", "-o", "train.epochs=3", "-o", "rnm.steps=20")
MAIN_JOB = ("eval", "--model", "dpsh", "--attack", "rnm")


def robusthash(*arguments: str, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robusthash", *arguments]
    # Python's own view of the environment: readline, which pytest imports, adds COLUMNS behind its back.
    environment = dict(os.environ)
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def records(folder: Path) -> dict[str, Record]:
    found = [Record.from_json(path.read_text(), str(path)) for path in sorted((folder / "results").rglob("*.json"))]
    return {record.attack.name: record for record in found}


def refused(code: int, output: str, error: str, *says: str, expected: int = 2) -> None:
    """One clear line on standard error, nothing on standard output, and the right exit code."""
    assert code == expected, error
    assert output == ""
    assert len([line for line in error.splitlines() if line.startswith("error: ")]) == 1, error
    assert "Traceback" not in error
    for text in says:
        assert text in error


Refuse = Callable[..., None]


@pytest.fixture
def refuse(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Runs the command line in this process, which is quick, and checks that it is refused."""
    monkeypatch.chdir(tmp_path)

    def check(arguments: Sequence[str], *says: str) -> None:
        capsys.readouterr()  # what came before is not this command's
        code = run(arguments)
        refused(code, *capsys.readouterr(), *says)

    return check


@pytest.fixture(scope="module")
def quick(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A quick main job in a folder of its own."""
    folder = tmp_path_factory.mktemp("quick")
    return folder, robusthash(*MAIN_JOB, *QUICK, cwd=folder)


@pytest.mark.slow
def test_the_table_holds_clean_noise_attack_and_floor(quick: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, result = quick
    assert result.returncode == 0, result.stderr
    for text in (
        "clean queries",
        "noise",
        "rnm",
        "random codes",
        "worst possible",
        "record",
        "next",
        "robusthash show",
    ):
        assert text in result.stdout
    assert records(folder).keys() == {"noise", "rnm"}


@pytest.mark.slow
def test_json_is_all_that_json_prints(quick: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    result = robusthash(*MAIN_JOB, *QUICK, "--json", "--quiet", cwd=tmp_path)
    assert result.stderr == ""
    printed = [Record.from_json(json.dumps(entry), "stdout") for entry in json.loads(result.stdout)]
    stored = records(quick[0])
    assert [record.reproducible() for record in printed] == [
        stored[record.attack.name].reproducible() for record in printed
    ]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_gives_the_record_of_an_undisturbed_one(
    quick: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))  # the training is killed as well
    draw = random.Random(7)  # noqa: S311 - moments to kill at, not secrets
    killed = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "robusthash", *MAIN_JOB, *QUICK, "--quiet"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=draw.uniform(1, 5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    final = robusthash(*MAIN_JOB, *QUICK, cwd=tmp_path)
    assert final.returncode == 0, final.stderr
    assert killed
    undisturbed = records(quick[0])
    assert {name: record.reproducible() for name, record in records(tmp_path).items()} == {
        name: record.reproducible() for name, record in undisturbed.items()
    }
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file() and path.parent.name == ".shards"]


def _heed_interrupts() -> None:
    """A test run that a shell put into the background ignores them, and its children would too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_an_interrupted_run_says_130_and_goes_on(cache: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "robusthash",
            *MAIN_JOB,
            "-o",
            "train.epochs=3",
            "-o",
            "rnm.steps=5000",
            "-o",
            "rnm.stop=false",
            "--shard-size",
            "4",
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )
    shards = tmp_path / "results" / ".shards"
    deadline = time.monotonic() + 200
    while not (shards.is_dir() and (tmp_path / "results" / "digits").is_dir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("eval", "--model", "dpsj", "--attack", "rnm"), ("dpsj", "did you mean 'dpsh'")),
        (("eval", "--model", "dpsh", "--attack", "rmn"), ("rmn", "did you mean 'rnm'")),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--epsilon", "8"), ("epsilon", "8/255")),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--epsilon", "much"), ("much", "8/255")),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--bits", "0"), ("bits",)),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--dataset", "cifar"), ("cifar", "cifar10")),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--backbone", "resnet17"), ("resnet18",)),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--metric", "mapp"), ("mapp",)),
        (("eval", "--model", "dpsh", "--attack", "rnm", "-o", "rnm.step=3x"), ("rnm.step", "sign")),
        (("eval", "--model", "dpsh", "--attack", "rnm", "-o", "steps=3"), ("steps=3", "plugin.field=value")),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--suite", "x.toml"), ("x.toml",)),
        (("eval", "--suite", "missing.toml"), ("missing.toml",)),
        (("eval", "--model", "missing.py:build", "--attack", "rnm"), ("missing.py",)),
        (("eval", "--model", "dpsh", "--attack", "rnm", "--checkpoint", "no.safetensors"), ("no.safetensors",)),
        (("eval", "--attack", "rnm"), ("--model",)),
        (("evaluate",), ("evaluate", "eval")),
        (("show", "abcdef"), ("abcdef",)),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(arguments: Sequence[str], says: Sequence[str], refuse: Refuse) -> None:
    refuse(arguments, *says)


def test_checkpoints_that_cannot_be_used_are_told_apart(refuse: Refuse, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "model.pt")
    refuse((*MAIN_JOB, "--checkpoint", "model.pt"), "pickle", "weights_only=True")
    assert run(("train", "--model", "dpsh", "-o", "train.epochs=3", "--output", "a.safetensors", "--quiet")) == 0
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:5000])
    for arguments, says in (
        (("eval", "--model", "hashnet", "--attack", "rnm", "--checkpoint", "a.safetensors"), ("dpsh", "hashnet")),
        ((*MAIN_JOB, "--bits", "16", "--checkpoint", "a.safetensors"), ("bits 32",)),
        ((*MAIN_JOB, "--checkpoint", "cut.safetensors"), ("cut.safetensors",)),
    ):
        refuse(arguments, *says)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_results_folder_is_refused_at_once(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir(mode=0o500)
    refuse((*MAIN_JOB, *QUICK), "results", "is not writable")


def test_a_results_folder_that_is_a_file_is_refused_at_once(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder")
    refuse((*MAIN_JOB, *QUICK), "results", "is not writable")


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line_and_exit_code_1(
    quick: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900));"
        "from robusthash.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    shutil.copytree(quick[0] / "results", tmp_path / "results")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    command = [sys.executable, "-c", limited, *MAIN_JOB, *QUICK, "--seed", "0", "--force"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    refused(result.returncode, result.stdout, result.stderr, "cannot write", "File too large", expected=1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


def _codes(folder: Path, of: str, *model: str) -> dict[str, str]:
    """What `robusthash hash` makes of a folder of pictures: codes in hexadecimal, by name."""
    assert run(("hash", of, *model, "--output", f"{of}.jsonl", "--quiet")) == 0
    lines = [json.loads(line) for line in (folder / f"{of}.jsonl").read_text().splitlines()]
    return {line["name"]: line["code"] for line in lines}


@pytest.mark.slow
def test_photographs_of_ones_own_are_protected(
    refuse: Refuse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    draw = random.Random(0)  # noqa: S311 - pixels, not secrets
    turned = Image.Exif()
    turned[0x0112] = 6
    for number, suffix in enumerate(("jpg", "png", "webp")):
        picture = Image.new("RGB", (40, 30))
        picture.putdata([(draw.randrange(256), 90, draw.randrange(256)) for _ in range(1200)])
        picture.save(folder / f"{number}.{suffix}", quality=95, exif=turned)
    # Of the model's own size, so that its loader takes it as it is.
    picture.crop((0, 0, 16, 16)).save(folder / "3.png")
    (folder / "bad.jpg").write_bytes(b"no image")
    model = ("--model", "dpsh", "--dataset", "digits", "--image-size", "16", "-o", "train.epochs=3")
    command = ("attack", *model, "-o", "hinge.steps=20", "--epsilon", "0.3")
    command = (*command, "--output", "out")
    assert run((*command, "--input", "photographs", "--quiet", "--json")) == 0
    said = capsys.readouterr()
    assert "skipped" in said.err
    assert "bad.jpg" in said.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert json.loads(said.out) == manifest
    assert [one["source"] for one in manifest["skipped"]] == ["bad.jpg"]
    assert [entry["source"] for entry in manifest["photographs"]] == ["0.jpg", "1.png", "2.webp", "3.png"]
    hashed = [_codes(tmp_path, one, *model) for one in ("photographs", "out")]
    for entry in manifest["photographs"]:
        (judged,) = entry["judged"].values()
        assert list(judged) == ["as written", "JPEG 80", "JPEG 75", "90% crop"]
        written = judged["as written"]
        assert written["clean"]["moved"] == 0
        assert written["protected"]["moved"] > 0
        before, after = (int(codes[entry[key]], 16) for codes, key in zip(hashed, ("source", "file"), strict=True))
        assert written["protected"]["moved"] == (before ^ after).bit_count()  # what any search of the files sees
        assert written["clean"]["found"] == max(written["clean"]["votes"], key=written["clean"]["votes"].get)
        with Image.open(tmp_path / "out" / entry["file"]) as picture, Image.open(folder / entry["source"]) as source:
            assert (picture.format, picture.mode, picture.size) == (source.format, source.mode, source.size)
            assert picture.getexif().get(0x0112) == source.getexif().get(0x0112)
    assert run((*command, "--input", "photographs", "--quiet")) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("0.jpg", "1.png", "2.webp", "as written", "JPEG 75", "kept"))
    refuse((*command, "--input", "photographs", "--attack", "square"), "photograph")
    refuse((*command[:-1], "photographs", "--input", "photographs"), "overwritten")
    (tmp_path / "empty").mkdir()
    refuse((*command, "--input", "empty"), "no photographs")


@pytest.mark.slow
def test_a_model_of_ones_own_needs_no_package(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import torch\n\n\ndef build(bits):\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))\n"
    )
    code = run(("eval", "--model", "mine.py:build", "--attack", "rnm", "--queries", "10", "--quiet"))
    assert code == 0, capsys.readouterr().err
    found = records(tmp_path)["rnm"]
    assert (found.victim.model.name, found.victim.model.bits) == ("mine", 32)
    assert found.measure("adversarial").value < found.measure("clean").value


def _children(parent: int) -> set[int]:
    """Processes that a process has started, and those have started in their turn."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has just ended
            after_name = stat.read_text().rpartition(")")[2].split()
            if after_name[0] != "Z":
                parents[int(stat.parent.name)] = int(after_name[1])
    found: set[int] = set()
    while more := {process for process, its in parents.items() if its in {parent, *found}} - found:
        found |= more
    return found


def _named(process: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text()
    return ""


#: In a worker the last shard, of three queries, is never finished.
_WAITING = """import multiprocessing
import time

import torch


class Linear(torch.nn.Linear):
    def forward(self, images):
        while len(images) == 3 and multiprocessing.parent_process() is not None:
            time.sleep(0.1)
        return super().forward(images.flatten(1))


def build(bits):
    torch.manual_seed(0)
    return Linear(3 * 16 * 16, bits)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks for processes where Linux tells them")
def test_workers_end_when_their_parent_is_killed(cache: Path, tmp_path: Path) -> None:
    """At work, and however suddenly: they hold models and a terminal, and nobody would ever end them."""
    (tmp_path / "waiting.py").write_text(_WAITING)
    command = ("eval", "--model", "waiting.py:build", "--attack", "rnm", "--queries", "11", "--shard-size", "4")
    process = subprocess.Popen(
        [sys.executable, "-m", "robusthash", *command, "--workers", "2", "--quiet"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def wait_until(done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + 300  # a bound for what hangs, however busy the machine is
        while not done():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.1)

    def at_work() -> bool:
        assert process.poll() is None, "the run has ended"
        return any(tmp_path.glob("results/.shards/*/*.npz"))  # of a cell that is never complete, nor removed

    def alive(processes: Iterable[int]) -> set[int]:
        return {one for one in processes if "spawn_main" in _named(one)}

    workers: set[int] = set()
    try:
        wait_until(at_work, "no shard was finished")
        wait_until(lambda: len(alive(_children(process.pid))) == 2, "it has not two workers")
        workers = alive(_children(process.pid))
        process.kill()
        process.wait()
        wait_until(lambda: not alive(workers), "workers are left")
    finally:
        for left in (process.pid, *alive(workers)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
