"""The work that is disturbed: small evaluations, trainings and hardenings of the embedded digits."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from contents import Contents, contents, empty_folders
from runs import start

_SMALL = ("--queries", "7", "--shard-size", "3", "--quiet", "--json")
_TRAIN = ("-o", "train.epochs=2")
_EVAL = ("eval", "--model", "linear.py:build", *_SMALL)
_DPSH = ("eval", "--model", "dpsh", *_SMALL, *_TRAIN)
_LINEAR = """\"\"\"A model that takes next to no time.\"\"\"

import torch


def build(bits):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))
"""
_OPTIONS = {
    "rnm": ("-o", "rnm.steps=3"),
    "hag": ("-o", "hag.steps=3"),
    "tha": ("-o", "tha.steps=3", "-o", "tha.fit_steps=20"),
    "strongest": ("-o", "strongest.members=rnm,hag", "-o", "strongest.restarts=1", "-o", "hag.steps=3"),
}
_UAP = ("-o", "uap.steps=20", "-o", "uap.batch=16", "--samples", "samples", "--quiet", "--json")
_SAAT = ("-o", "saat.epochs=2", "-o", "saat.steps=1", "-o", "saat.batch_size=128")


def _attacks(*names: str) -> tuple[str, ...]:
    return tuple(part for name in names for part in ("--attack", name, *_OPTIONS[name]))


def _part(index: int, results: str) -> tuple[str, ...]:
    return (*_FIVE, "--shard", f"{index}/2", "--results", results)


_CELLS = (*_EVAL, *_attacks("rnm", "hag"))
_FIVE = (*_EVAL, *_attacks("rnm", "tha", "strongest"), "--attack", "hag")
_MERGED = ("merge", "p1", "p2", "--quiet", "--json")
SIDE = ("side", "parts", "shared")  #: jobs that come to the same records

ATTACKS = ("rnm", "hag", "tha")
EPSILONS = ("8/255", "16/255")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command, and what there is before it."""

    name: str
    arguments: tuple[str, ...]
    after: str | None = "train"  #: the job whose outcome it starts with


JOBS = (
    Job(name="train", arguments=("train", "--model", "dpsh", *_TRAIN, "--quiet"), after=None),
    Job(name="cells", arguments=_CELLS),
    Job(name="workers", arguments=(*_CELLS, "--workers", "2")),
    Job(name="side", arguments=(*_FIVE, "--workers", "2")),
    Job(name="parts", arguments=(*_part(1, "p1"), "then", *_part(2, "p2"), "then", *_MERGED)),
    Job(name="shared", arguments=(*_part(1, "results"), "--workers", "2", "then", *_part(2, "results"))),
    Job(name="ray", arguments=(*_FIVE, "--executor", "ray", "-o", "ray.workers=2")),
    Job(name="ensemble", arguments=(*_EVAL, *_attacks("rnm", "strongest"))),
    Job(
        name="transfer",
        arguments=(*_EVAL, "--model", "dpsh", "--surrogate", "linear.py:build", *_TRAIN, *_attacks("rnm")),
    ),
    Job(name="learnt", arguments=(*_EVAL, *_attacks("tha"))),
    Job(name="fitted", arguments=("fit", "uap", "--model", "linear.py:build", *_UAP, "--output", "uap.safetensors")),
    Job(name="hardened", arguments=(*_EVAL, *_attacks("rnm"), "--defense", "saat", *_SAAT)),
    Job(name="again", arguments=(*_CELLS, "--force"), after="cells"),
    Job(
        name="rescore", arguments=("rescore", "--metric", "map", "--metric", "precision@100", "--quiet"), after="cells"
    ),
    Job(name="everything", arguments=(*_DPSH, *_attacks("rnm", "tha"), "--defense", "saat", *_SAAT), after=None),
)


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A job that was done without disturbance."""

    job: Job
    before: Path  #: a folder as it was
    outcome: Contents
    calls: int  #: that change folders
    seconds: float


def undisturbed(root: Path, job: Job, before: Path) -> Undisturbed:
    """Does a job once.

    Args:
        root: where its folder is made.
        job: what to do.
        before: a folder to start with.

    Raises:
        RuntimeError: it fails by itself.
    """
    folder = fresh(root / job.name, before)
    run = start(job.arguments, folder, root / f"{job.name}.log")
    code = run.finish()
    seconds = time.monotonic() - run.started
    left = list(empty_folders(folder))
    if code or left:
        raise RuntimeError(f"{job.name} ends with {code}, without any disturbance: {run.log.read_text()} {left}")
    calls = int(run.calls.read_text())
    return Undisturbed(job=job, before=before, outcome=contents(folder), calls=calls, seconds=seconds)


def nothing(folder: Path) -> Path:
    """A folder in which nothing has been done: it holds a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "linear.py").write_text(_LINEAR)
    return folder


def fresh(folder: Path, before: Path) -> Path:
    """A copy of a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder)
    return folder


def grid(attacks: tuple[str, ...], epsilons: tuple[str, ...], workers: int) -> tuple[str, ...]:
    """The command that evaluates attacks at some radii."""
    radii = [part for epsilon in epsilons for part in ("--epsilon", epsilon)]
    return (*_EVAL, *_attacks(*attacks), *radii, "--workers", str(workers))
