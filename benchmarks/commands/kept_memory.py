"""Measures what it saves, and costs in memory, that a command keeps freed memory for its next tensors.

    python -m benchmarks.commands.kept_memory [--repetitions 2] [--cases main ensemble ...]

Each case is a command that runs in processes of its own, in turns as it comes (*kept*) and with
``ROBUSTHASH_SYSTEM_MALLOC`` (*system*): CPU seconds of user and kernel, page faults, and the largest resident memory.
The victim of an evaluation is trained before and cached; *harden* trains its own each time. Exits with 1 if keeping
costs more CPU seconds than 1.05 times the system's, or more memory than 1.25 times.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from statistics import median

from robusthash.allocation import SWITCH

_COMMAND = [sys.executable, "-m", "robusthash"]
_SCORES = """
import numpy as np
from robusthash import metrics
from robusthash.allocation import keep_freed_memory
keep_freed_memory()
random = np.random.default_rng(0)
queries, items = (random.integers(0, 256, (n, 8), dtype=np.uint8) for n in (200, 1_000_000))
wanted, present = (np.eye(10, dtype=np.uint8)[random.integers(0, 10, n)] for n in (200, 1_000_000))
metrics.map(queries, wanted, items, present, bits=64)
"""
#: What runs, with a folder for what it writes.
CASES = {
    "main": [*_COMMAND, "eval", "--model", "dpsh", "--attack", "rnm", "--force", "--results", "{}/results"],
    "ensemble": [*_COMMAND, "eval", "--model", "dpsh", "--force", "--results", "{}/results"],
    "harden": [*_COMMAND, "harden", "cgat/fast", "--model", "dpsh", "--output", "{}/hardened.safetensors"],
    "map": [sys.executable, "-c", _SCORES],
}
_SLOWER, _LARGER = 1.05, 1.25


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one process took: CPU seconds, page faults without reading, and its largest resident memory in MiB."""

    user: float
    kernel: float
    faults: int
    peak: float

    @property
    def cpu(self) -> float:
        """Seconds in all."""
        return self.user + self.kernel


def spent(command: list[str], cache: str, *, system: bool) -> Spent:
    """Runs a command with a folder as its cache, and says what it took."""
    environment = {name: value for name, value in os.environ.items() if name != SWITCH} | {"ROBUSTHASH_CACHE": cache}
    process = subprocess.Popen(
        command,
        env={**environment, SWITCH: "1"} if system else environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)  # of this child alone, where getrusage has the largest of all
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Spent(user=used.ru_utime, kernel=used.ru_stime, faults=used.ru_minflt, peak=_mebibytes(used))


def _mebibytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    passed = True
    print(f"{'':10}{'':8}{'user s':>8}{'kernel s':>10}{'faults':>11}{'peak MiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for case in options.cases:
            command = [part.replace("{}", folder) for part in CASES[case]]
            if "eval" in command:
                spent(command, folder, system=False)  # trains the victim
            found: dict[str, list[Spent]] = {"system": [], "kept": []}
            for _ in range(options.repetitions):
                for name, several in found.items():
                    with tempfile.TemporaryDirectory() as empty:
                        cache = folder if "eval" in command else empty
                        several.append(spent(command, cache, system=name == "system"))
            for name, several in found.items():
                user, kernel, faults, peak = (
                    median(values)
                    for values in zip(*((one.user, one.kernel, one.faults, one.peak) for one in several), strict=True)
                )
                print(f"{case:10}{name:8}{user:8.2f}{kernel:10.2f}{faults:11.0f}{peak:10.0f}", flush=True)
            cpu, memory = (
                median(getattr(one, what) for one in found["kept"])
                / median(getattr(one, what) for one in found["system"])
                for what in ("cpu", "peak")
            )
            print(f"{case:10}kept / system: CPU {cpu:.3f} (at most {_SLOWER}), peak {memory:.3f} (at most {_LARGER})")
            passed = passed and cpu <= _SLOWER and memory <= _LARGER
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
