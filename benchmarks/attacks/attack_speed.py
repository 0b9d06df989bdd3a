"""Measures the gradient engine against a bare floor and against the loop that reference code runs.

In one run, for two victims, interleaved, by the median of several repetitions:

* floor: one step of the engine against a bare forward pass and input gradient of the same network and batch. At most
  1.10 times as long.
* naive: the usual loop, which leaves ``requires_grad`` on and calls ``loss.backward()``, against the engine with frozen
  parameters. At least 1.4 times as long where convolutions dominate; a shallow network spends its time on elementwise
  layers, which have no weights to spare, so there the ratio is only told.

Run: ``python -m benchmarks.attacks.attack_speed [--repetitions 15]``. Exits with 1 if a bound is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from benchmarks.descent import THREAT, product, pull
from robusthash.adversary import Schedule, Step
from robusthash.contracts import Budget, HashModel, Modality, Surrogate
from robusthash.hashing import sign

BITS = 32
SIZE = 1 / 255
FLOOR, GAIN = 1.10, 1.4


class Victim(HashModel):
    """A network with normalisation inside."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.bits, self.modality = network, BITS, Modality.image(side)

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        logits: Tensor = self.network((inputs - 0.45) / 0.225)
        return logits


def small_cnn() -> nn.Module:
    """Three convolutions, as used on digits and CIFAR."""
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, BITS))


def engine(model: HashModel, clean: Tensor, aim: Tensor, steps: int) -> None:
    model.requires_grad_(requires_grad=False)
    schedule = Schedule(steps=steps, step=Step.SIGN, size=SIZE, stop=False)
    pull(Surrogate(model, Budget()), clean, aim, schedule)


def bare(model: HashModel, clean: Tensor, aim: Tensor, steps: int) -> None:
    """The passes that the engine makes, and nothing else."""
    model.requires_grad_(requires_grad=False)
    image = clean.clone().requires_grad_()
    for _ in range(steps):
        torch.autograd.grad(product(model(image), aim, 0.0).sum(), image)
    with torch.no_grad():
        model(image)


def naive(model: HashModel, clean: Tensor, aim: Tensor, steps: int) -> None:
    """Sign steps as released: the gradients of all weights are computed, and accumulate."""
    model.requires_grad_()
    delta = torch.zeros_like(clean, requires_grad=True)
    for _ in range(steps):
        product(model(clean + delta), aim, 0.0).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        if delta.grad is None:
            raise RuntimeError("the loss does not reach the images")
        delta.data = (delta - SIZE * delta.grad.sign()).detach().clamp(-THREAT.epsilon, THREAT.epsilon)
        delta.data = (clean + delta.data).clamp(0, 1) - clean
        delta.grad.zero_()
    with torch.no_grad():
        model(clean + delta)


def seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(network: nn.Module, name: str, side: int, batch: int, repetitions: int, *, gain_bound: float) -> bool:
    steps = 4
    model = Victim(network, side).eval()
    clean = (torch.rand(batch, 3, side, side) * 255).round() / 255
    aim = -sign(model(clean))
    loops = (engine, bare, naive)
    times: dict[str, list[float]] = {loop.__name__: [] for loop in loops}
    for repetition in range(repetitions + 1):
        for loop in loops:
            spent = seconds(lambda loop=loop: loop(model, clean, aim, steps))  # type: ignore[misc]  # bound at once
            if repetition:  # the first one warms up
                times[loop.__name__].append(spent / steps)
    middle = {key: median(values) for key, values in times.items()}
    floor = median(e / b for e, b in zip(times["engine"], times["bare"], strict=True))
    gain = median(n / e for n, e in zip(times["naive"], times["engine"], strict=True))
    cells = "  ".join(f"{key} {1000 * value:7.2f} ms/step" for key, value in middle.items())
    ratios = f"engine/bare {floor:.3f} (at most {FLOOR})  naive/engine {gain:.2f} (at least {gain_bound})"
    print(f"{name}: {cells}  {ratios}")
    return floor <= FLOOR and gain >= gain_bound


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=15)
    repetitions = parser.parse_args().repetitions
    torch.manual_seed(0)
    torch.set_num_threads(2)
    passed = [
        measure(resnet18(num_classes=BITS), "resnet18, 32 images of 64x64", 64, 32, repetitions, gain_bound=GAIN),
        measure(small_cnn(), "small CNN, 128 images of 32x32", 32, 128, repetitions, gain_bound=1.0),
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
