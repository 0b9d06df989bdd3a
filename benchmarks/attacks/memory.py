"""Measures whether a descent's memory grows with its steps: peak resident memory after 50 and after 2,000.

    python -m benchmarks.attacks.memory [--steps 50 2000] [--batch 16] [--repetitions 2]

Each number of steps runs in processes of its own, on a small CNN and images of 32x32, with nothing dropped; the
smallest peak of the repetitions counts, because what else a process touches only adds to it. *One step* is what torch
and the victim take. *Leak* is a fault of old reference code in small: it holds on to each step's loss, and with it to
the graph that led there. It runs the fewer steps, and shows that the measure would see a leak.

Bounds: the longer run's peak is at most 1.02 times the shorter one's. Since libraries take most of either, it also
grows by at most 4 KiB a step, a 48th of the pixels of 16 images; the leak grows by more. Exits with 1 if one is missed.
"""

import argparse
import resource
import subprocess
import sys

import torch
from torch import Tensor

from benchmarks.attacks.attack_speed import Victim, small_cnn
from benchmarks.descent import product, pull
from robusthash.adversary import Schedule, Step
from robusthash.contracts import Budget, Surrogate
from robusthash.hashing import sign

SIDE = 32
RATIO, GROWTH = 1.02, 4  #: of the peaks; in KiB a step
KIB = 1 if sys.platform == "linux" else 1 / 1024  #: of ru_maxrss, which macOS counts in bytes


def run(steps: int, batch: int, *, leak: bool) -> float:
    """One descent in this process: the peak of its resident memory in MiB."""
    torch.manual_seed(0)
    model = Victim(small_cnn(), SIDE).eval().requires_grad_(requires_grad=False)
    clean = (torch.rand(batch, 3, SIDE, SIDE) * 255).round() / 255
    aim = -sign(model(clean))
    held: list[Tensor] = []

    def loss(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        losses = product(logits, aim, progress)
        if leak:
            held.append(losses)
        return losses

    schedule = Schedule(steps=steps, step=Step.SIGN, size=1 / 255, stop=False)
    pull(Surrogate(model, Budget()), clean, aim, schedule, loss)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / 1024


def peak(steps: int, options: argparse.Namespace, *, leak: bool = False) -> float:
    """The smallest peak of several processes, in MiB."""
    command = [sys.executable, "-m", __spec__.name, "--run", str(steps), "--batch", str(options.batch)]
    command += ["--threads", str(options.threads), *(["--leak"] if leak else [])]
    outputs = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(options.repetitions)
    ]
    return min(float(output) for output in outputs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, nargs=2, default=[50, 2000], metavar=("FEWER", "MORE"))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--leak", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        torch.set_num_threads(options.threads)
        print(run(options.run, options.batch, leak=options.leak))
        return 0

    fewer, more = options.steps
    one, short, long = (peak(steps, options) for steps in (1, fewer, more))
    leaking = peak(fewer, options, leak=True)
    print(f"peak resident memory, small CNN, {options.batch} images of {SIDE}x{SIDE}, on the CPU")
    rows = (("one step", one), (f"{fewer} steps", short), (f"{more} steps", long), (f"leak, {fewer} steps", leaking))
    for name, mib in rows:
        print(f"{name:18}{mib:9.1f} MiB{mib / short:9.3f}")
    grown, leaked = 1024 * (long - short) / (more - fewer), 1024 * (leaking - short) / fewer
    print(f"ratio {long / short:.3f} (at most {RATIO})", end="  ")
    print(f"{grown:+.2f} KiB a step (at most {GROWTH}; the leak {leaked:+.2f})")
    return 0 if long <= RATIO * short and grown <= GROWTH < leaked else 1


if __name__ == "__main__":
    sys.exit(main())
