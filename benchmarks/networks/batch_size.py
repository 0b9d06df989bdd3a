"""Measures what a step of a gradient attack costs a query, by the size of its batch: float32, one CPU thread.

    python -m benchmarks.networks.batch_size [--sizes 10 25 100 400] [--repetitions 5] [--only SmallCNN]

Batches grow if members of an ensemble are crafted together, or with ``--shard-size``. The last column is what is left
of the time of four members, each with as many queries as the row says, if they were one batch; it needs that size, too.
Each network is attacked by the engine as it is, with steps by the sign and with adaptive ones, in turns; of processor
time the least counts, as what else the machine does only adds to it. It has no bound.
"""

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.descent import pull
from robusthash.adversary import Schedule, Slope, Step, relaxed
from robusthash.allocation import keep_freed_memory
from robusthash.contracts import Backbone, Budget, Surrogate
from robusthash.hashing import sign
from robusthash.training import build_network
from robusthash_models.backbones.resnet import ResNet
from robusthash_models.backbones.small import SmallCNN

#: Name, backbone, height and width of the images, steps to a run.
CASES: tuple[tuple[str, Backbone, int, int], ...] = (
    ("SmallCNN, 16x16", SmallCNN(), 16, 40),
    ("SmallCNN, width 32, 32x32", SmallCNN(width=32), 32, 10),
    ("ResNet18, 32x32", ResNet(), 32, 4),
)
_TOGETHER = 4  #: members of `strongest` that are gradient attacks with adaptive steps
_RULES = (Step.SIGN, Step.ADAPTIVE)


def _loss(logits: Tensor, aim: Tensor, progress: float) -> Tensor:
    return -(relaxed(logits, Slope.RELATIVE, progress) * aim).mean(1)


def attack(backbone: Backbone, side: int, size: int, step: Step, steps: int) -> Callable[[], None]:
    """A run of the engine on so many images; no query is ever dropped."""
    network = build_network(backbone, bits=32, image_size=side, weights="none", seed=0)
    network = network.eval().requires_grad_(requires_grad=False)
    if backbone.channels_last:
        network.to(memory_format=torch.channels_last)
    surrogate = Surrogate(network, Budget())
    clean = (torch.rand(size, 3, side, side) * 255).round() / 255
    aim = -sign(network(clean))
    schedule = Schedule(steps=steps, step=step, size=1 / 255, stop=False)

    def run() -> None:
        pull(surrogate, clean, aim, schedule, _loss)

    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 25, 100, 400])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", default="", metavar="WORD", help="only networks whose name has this word")
    options = parser.parse_args()
    keep_freed_memory()  # as a command does
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| network | queries | sign, us | adaptive, us | adaptive / sign | four members together / apart |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, backbone, side, steps in CASES:
        if options.only not in name:
            continue
        runs = {
            (size, step): attack(backbone, side, size, step, steps)
            for size in sorted(set(options.sizes))
            for step in _RULES
        }
        least = dict.fromkeys(runs, float("inf"))
        for repetition in range(options.repetitions + 1):
            for (size, step), run in runs.items():
                started = time.process_time()
                run()
                if repetition:  # the first one warms up
                    spent = (time.process_time() - started) / steps / size
                    least[size, step] = min(least[size, step], spent)
        for size in sorted(set(options.sizes)):
            plain, adaptive = (least[size, step] for step in _RULES)
            together = least.get((_TOGETHER * size, Step.ADAPTIVE))
            cells = (name, size, f"{1e6 * plain:.0f}", f"{1e6 * adaptive:.0f}", f"{adaptive / plain:.2f}")
            print(f"| {' | '.join(map(str, cells))} | {'' if together is None else f'{together / adaptive:.2f}'} |")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
