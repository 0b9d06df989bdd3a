"""Measures what showing the progress of a training costs, on a terminal and as lines, in CPU time.

The same training of DPSH on the digits, as ``robusthash train`` does it, with its progress shown nowhere, as bars on a
pseudo-terminal, and as lines in a file. Two trainings differ by more than their progress costs, so the cost is
measured within each: the CPU time of the reports in the training's thread, and of all other threads (one draws the
bars) beyond what they take where progress is shown nowhere. Fails if it is above 0.02 of the training. The network is
small and an epoch short: a training whose steps take longer reports less often, and pays less.

Run: ``python -m benchmarks.commands.progress_cost [--epochs 10] [--repetitions 3]``. Exits with 1 if the bound
is missed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from rich.console import Console

from robusthash.evaluation import RunSettings, train_victim
from robusthash.host import PluginHost
from robusthash.progress import Lines, Report, bars

BOUND = 0.02
_READER = "import os\ntry:\n    while os.read(0, 65536): pass\nexcept OSError: pass"  # the terminal was closed


@dataclass(frozen=True, kw_only=True)
class Taken:
    """CPU seconds of a training.

    Attributes:
        whole: of all threads.
        reports: of the reports, in the training's thread.
        others: of all other threads.
    """

    whole: float
    reports: float
    others: float


@contextmanager
def nowhere() -> Iterator[Report]:
    yield lambda _done, _total, _what: None


@contextmanager
def terminal() -> Iterator[Report]:
    """Bars on a pseudo-terminal, which another process reads."""
    ours, theirs = os.openpty()
    reader = subprocess.Popen([sys.executable, "-c", _READER], stdin=ours)
    os.close(ours)
    with open(theirs, "w") as file, bars(Console(file=file, force_terminal=True, width=100)) as report:  # noqa: PTH123 - a descriptor
        yield report
    reader.wait()


@contextmanager
def lines() -> Iterator[Report]:
    with tempfile.TemporaryFile("w") as file:
        yield Lines(echo=lambda line: file.write(f"{line}\n")).report


def trained(shown: Callable[[], AbstractContextManager[Report]], setting: RunSettings, host: PluginHost) -> Taken:
    """Trains, and says what it took."""
    reports = 0.0
    with tempfile.TemporaryDirectory() as folder, shown() as report:
        os.environ["ROBUSTHASH_CACHE"] = folder

        def timed(done: int, total: int, what: str) -> None:
            nonlocal reports
            started = time.thread_time()
            report(done, total, what)
            reports += time.thread_time() - started

        whole, own = time.process_time(), time.thread_time()
        train_victim("dpsh", 32, setting, host, output=Path(folder) / "model.safetensors", progress=timed)
        whole, own = time.process_time() - whole, time.thread_time() - own
    return Taken(whole=whole, reports=reports, others=whole - own)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    setting = RunSettings(options={"train": {"epochs": str(given.epochs)}})
    host = PluginHost.load()
    ways = {"nowhere": nowhere, "terminal": terminal, "lines": lines}
    found: dict[str, list[Taken]] = {name: [] for name in ways}
    trained(nowhere, setting, host)  # imports
    for _ in range(given.repetitions):
        for name, shown in ways.items():
            found[name].append(trained(shown, setting, host))
    usual = min(one.others for one in found["nowhere"])
    worst = 0.0
    for name, runs in found.items():
        cost = median((one.reports + one.others - usual) / one.whole for one in runs)
        worst = max(worst, cost)
        print(f"{name:10} {median(one.whole for one in runs):6.3f} CPU s   cost of progress {cost:.4f}")
    return int(worst > BOUND)


if __name__ == "__main__":
    sys.exit(main())
