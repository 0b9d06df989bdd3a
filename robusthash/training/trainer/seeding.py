"""Torch's global randomness (weight starts, dropout), seeded for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from robusthash.contracts.randomness import Randomness


@contextmanager
def seeded(random: Randomness, *path: int, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global generators, and leaves them afterwards as they were.

    Args:
        random: says the seed and the purpose.
        path: what the randomness is for, such as the epoch.
        device: where random numbers will be drawn, beside the CPU.
    """
    seed = int(random.generator(*path).bit_generator.random_raw() >> 1)
    cuda = device if device is not None and device.type == "cuda" else None
    with torch.random.fork_rng(devices=[cuda] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(cuda):
                torch.cuda.manual_seed(seed)
        yield
