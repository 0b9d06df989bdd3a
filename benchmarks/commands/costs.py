"""Measures what whole commands cost: CPU seconds, wall seconds and peak memory, from a cold cache.

The commands run one after the other in one folder of their own, each a process as a shell would start it, so that what
one of them has stored the next one uses, as a user's would. Those of CIFAR-10 and of photographs run where
``ROBUSTHASH_DATA`` has their files.

Run: ``python -m benchmarks.commands.costs [--only WORD]``.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CIFAR = "--dataset cifar10-2 -o cifar10-2.source=jpeg -o small-cnn.width=32 --data-root {data}/cifar10"
PHOTOS = "--dataset corel5k/themes --data-root {data}/corel5k --image-size 64 --backbone resnet18"
COMMANDS = {
    "start-up": "--help",
    "start-up, with plugins": "plugins list",
    "main job, for the first time": "eval --model dpsh --attack rnm",
    "main job, another attack": "eval --model dpsh --attack hag",
    "main job, stored": "eval --model dpsh --attack rnm",
    "strongest, 300 queries": "eval --model dpsh --attack strongest",
    "square, 1,000 queries an image": "eval --model dpsh --attack square --queries 20",
    "hardening, one epoch": "harden cgat --model dpsh --output hard.safetensors -o train.epochs=1",
    "leaderboard": "leaderboard",
    "CIFAR-10, training, one epoch": f"train --model dpsh {CIFAR} -o train.epochs=1 --output cifar.safetensors",
    "CIFAR-10, codes of 50,000 items, noise": f"eval --model cifar.safetensors {CIFAR} --queries 100 --attack noise",
    "CIFAR-10, rnm, 100 queries": f"eval --model cifar.safetensors {CIFAR} --queries 100 --attack rnm",
    "photographs, training, two epochs": f"train --model csq {PHOTOS} -o train.epochs=2 --output photos.safetensors",
    "photographs, rnm, 20 queries": f"eval --model photos.safetensors {PHOTOS} --queries 20 --attack rnm",
}  #: what each is called, and its arguments


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a command has cost.

    Attributes:
        cpu: seconds of all threads, and of worker processes.
        wall: seconds.
        memory: largest resident size, in MiB.
    """

    cpu: float
    wall: float
    memory: float


def taken(arguments: list[str], folder: Path) -> Taken:
    """Runs a command in a folder, with the folder's own cache.

    Raises:
        SystemExit: it fails; its errors are shown.
    """
    command = [sys.executable, "-m", "robusthash", *arguments]
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | {"ROBUSTHASH_CACHE": str(folder / "cache")}, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{(folder / 'log').read_text(errors='replace')}")
    return Taken(cpu=usage.ru_utime + usage.ru_stime, wall=time.perf_counter() - began, memory=usage.ru_maxrss / 1024)


def main() -> None:
    """Prints a table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only commands whose title has this word")
    only, data = parser.parse_args().only, os.environ.get("ROBUSTHASH_DATA")
    print(f"{os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}\n")
    print("| what | CPU s | wall s | peak MiB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        for title, arguments in COMMANDS.items():
            if only not in title or ("{data}" in arguments and data is None):
                continue
            cost = taken(shlex.split(arguments.format(data=data)), Path(folder))
            print(f"| {title} | {cost.cpu:.1f} | {cost.wall:.1f} | {cost.memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
