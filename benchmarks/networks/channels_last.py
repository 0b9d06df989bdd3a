"""Measures which backbones are faster with channels-last weights: float32 on one CPU thread.

    python -m benchmarks.networks.channels_last [--repetitions 8]

Each network is built twice, with its weights in either order. Both take the same images, which come as datasets give
them, in turns; processor time is measured, and its median counts. *Forward* is a batch without gradients, *gradient* a
batch with the gradient of its images, as an attack takes it. A ratio below 1 is a gain of channels-last.

It has no bound: the figures decide :attr:`robusthash.contracts.Backbone.channels_last`, and differ with the processor.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from robusthash.allocation import keep_freed_memory
from robusthash.contracts import Backbone
from robusthash.training import build_network
from robusthash_models.backbones.alexnet import AlexNet
from robusthash_models.backbones.densenet import DenseNet161
from robusthash_models.backbones.mobilenet import MobileNetV1
from robusthash_models.backbones.resnet import ResNet
from robusthash_models.backbones.small import SmallCNN
from robusthash_models.backbones.torchvision_models import TorchvisionModel
from robusthash_models.backbones.vgg import VGG

#: Backbone, height and width of the images, images to a batch.
CASES: tuple[tuple[Backbone, int, int], ...] = (
    (SmallCNN(), 16, 128),
    (SmallCNN(width=32), 32, 32),
    (VGG(), 224, 2),
    (VGG(), 64, 8),
    (VGG(), 32, 32),
    (VGG(depth="16"), 224, 1),
    (MobileNetV1(width="0.75"), 224, 4),
    (MobileNetV1(width="0.75"), 64, 16),
    (ResNet(), 224, 4),
    (ResNet(), 64, 16),
    (ResNet(), 32, 32),
    (ResNet(stem="small"), 32, 8),
    (ResNet(depth="50"), 224, 2),
    (AlexNet(), 224, 8),
    (DenseNet161(), 224, 2),
    (TorchvisionModel(name="efficientnet_b0"), 224, 4),
    (TorchvisionModel(name="convnext_tiny"), 224, 2),
)


def forward(network: nn.Module, images: Tensor) -> None:
    """Encodes a batch."""
    with torch.inference_mode():
        network(images)


def gradient(network: nn.Module, images: Tensor) -> None:
    """One pass of an attack."""
    network(images.clone().requires_grad_()).sum().backward()


def seconds(
    call: Callable[[nn.Module, Tensor], None], networks: list[nn.Module], images: Tensor, n: int
) -> list[float]:
    """Median processor time of each network, in turns; the first turn is not counted."""
    times: list[list[float]] = [[] for _ in networks]
    for turn in range(n + 1):
        for which in range(len(networks)) if turn % 2 else reversed(range(len(networks))):
            started = time.process_time()
            call(networks[which], images)
            if turn:
                times[which].append(time.process_time() - started)
    return [statistics.median(found) for found in times]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=8)
    options = parser.parse_args()
    keep_freed_memory()  # as a command does
    torch.set_num_threads(1)
    print(f"{'backbone':44} {'images':>12} {'':9} {'contiguous':>11} {'channels-last':>14} {'ratio':>6}")
    for backbone, size, batch in CASES:
        networks: list[nn.Module] = [
            build_network(backbone, bits=32, image_size=size, weights="none", seed=0).eval().requires_grad_(False)
            for _ in range(2)
        ]
        networks[1].to(memory_format=torch.channels_last)
        images = torch.rand(batch, 3, size, size)
        for call in (forward, gradient):
            plain, last = seconds(call, networks, images, options.repetitions)
            name = repr(backbone).replace("normalise=True, ", "")
            shape = f"{batch} x {size}"
            print(f"{name:44} {shape:>12} {call.__name__:9} {plain:11.3f} {last:14.3f} {last / plain:6.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
