"""Measures what ``--precision bf16`` and ``--compile`` make of an attack's pass: CPU seconds, or seconds of a GPU.

    python -m benchmarks.networks.half_precision [--device cpu] [--repetitions 5] [--compile]

Each network is attacked for a few steps by the engine as it is, with passes in bfloat16, and compiled, in turns. A
ratio below 1 is a gain. It has no bound: what it comes to differs with the processor, and a CPU without instructions
for bfloat16 is slower. What it changes in MAP is seen by two evaluations, with ``--precision bf16`` and without.
"""

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.descent import pull
from robusthash.adversary import Schedule, Step
from robusthash.allocation import keep_freed_memory
from robusthash.contracts import Backbone, Budget, Surrogate
from robusthash.devices import find_device, synchronize
from robusthash.hashing import sign
from robusthash.specs import Precision
from robusthash.training import build_network
from robusthash_models.backbones.mobilenet import MobileNetV1
from robusthash_models.backbones.resnet import ResNet
from robusthash_models.backbones.small import SmallCNN

#: Backbone, height and width of the images, images to a batch.
CASES: tuple[tuple[Backbone, int, int], ...] = (
    (SmallCNN(), 16, 128),
    (SmallCNN(width=32), 32, 64),
    (ResNet(), 64, 8),
    (MobileNetV1(width="0.75"), 64, 8),
)
_STEPS = 3
_BITS = 32


def ways(
    backbone: Backbone, side: int, batch: int, device: torch.device, *, compiled: bool
) -> dict[str, Callable[[], None]]:
    """The same attack, in each way to compute it."""
    network = build_network(backbone, bits=_BITS, image_size=side, weights="none", seed=0)
    network = network.eval().requires_grad_(requires_grad=False).to(device)
    if backbone.channels_last:
        network.to(memory_format=torch.channels_last)
    clean = (torch.rand(batch, 3, side, side, device=device) * 255).round() / 255
    aim = -sign(network(clean))
    schedule = Schedule(steps=_STEPS, step=Step.SIGN, size=1 / 255, stop=False)

    def attack(surrogate: Surrogate) -> None:
        pull(surrogate, clean, aim, schedule)

    found = {
        "float32": Surrogate(network, Budget()),
        "bf16": Surrogate(network, Budget(), precision=Precision.BF16),
    }
    if compiled:
        found["compiled"] = Surrogate(network, Budget(), run=torch.compile(network))
    return {name: lambda one=one: attack(one) for name, one in found.items()}  # type: ignore[misc]  # bound at once


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()  # as a command does
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = find_device(options.device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    for backbone, side, batch in CASES:
        calls = ways(backbone, side, batch, device, compiled=options.compile)
        times: dict[str, list[float]] = {name: [] for name in calls}
        for repetition in range(options.repetitions + 1):
            for name, call in calls.items():
                synchronize(device)
                started = clock()
                call()
                synchronize(device)
                if repetition:  # the first one warms up
                    times[name].append(clock() - started)
        middle = {name: median(several) for name, several in times.items()}
        cells = "  ".join(
            f"{name} {1000 * value / _STEPS:7.2f} ms/step ({value / middle['float32']:.2f})"
            for name, value in middle.items()
        )
        print(f"{type(backbone).__name__}, {batch} images of {side}x{side}: {cells}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
