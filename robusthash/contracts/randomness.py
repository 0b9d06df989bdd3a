"""Randomness that is a pure function of (seed, attack, query, restart, element), never of batch, order or worker."""

import hashlib
import random as python_random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Randomness:
    """A family of random streams, one for each query.

    Attributes:
        seed: of the run.
        purpose: what the numbers are for, usually the attack's full name: two purposes share no numbers.
    """

    seed: int
    purpose: str

    def uniform(self, ids: Tensor, shape: tuple[int, ...], *, restart: int = 0) -> Tensor:
        r"""Uniform numbers in [0, 1): one independent stream a query.

        Args:
            ids: (n,) int64, positions in the query split.
            shape: of one query's numbers.
            restart: which restart they are for.

        Returns:
            (n, \*shape) float32 on the ids' device.

        >>> streams = Randomness(seed=0, purpose="noise")
        >>> both = streams.uniform(torch.tensor([3, 5]), (2,))
        >>> bool((streams.uniform(torch.tensor([5]), (2,))[0] == both[1]).all())
        True
        """
        count = int(np.prod(shape, dtype=np.int64))
        rows = [_raw(self._key(int(i), restart), count) for i in ids.tolist()]
        stacked = np.stack(rows) if rows else np.empty((0, count), dtype=np.float32)
        return torch.from_numpy(stacked).view(len(rows), *shape).to(ids.device)

    def derived(self, purpose: str) -> Self:
        """Another family, for one more purpose of the same attack: the two share no numbers."""
        return replace(self, purpose=f"{self.purpose}/{purpose}")

    def generator(self, *path: int) -> np.random.Generator:
        """A numpy generator for draws that are no query's own, such as target labels."""
        return np.random.Generator(np.random.Philox(key=self._key(*path)))

    def _key(self, *path: int) -> int:
        text = "|".join([str(self.seed), self.purpose, *map(str, path)])
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def _raw(key: int, count: int) -> np.ndarray:
    # Philox's raw bit stream is frozen by numpy's compatibility policy; its derived distributions are not.
    words = np.random.Philox(key=key).random_raw((count + 1) // 2)
    halves = words.view(np.uint32)[:count]
    return (halves >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


@contextmanager
def isolated_randomness(random: Randomness, ids: Tensor) -> Iterator[None]:
    """Seeds the global generators of torch, numpy and Python from a batch's first query, and puts them back afterwards.

    An attack should draw from :class:`Randomness`; one that draws from the globals still repeats, shard by shard.
    """
    devices = [ids.device] if ids.is_cuda else []
    seed = random._key(int(ids[0]) if len(ids) else 0)
    legacy, plain = np.random.get_state(), python_random.getstate()  # noqa: NPY002 - it is what plugins may draw from
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed % 2**63)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - likewise
        python_random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(legacy)  # noqa: NPY002 - likewise
            python_random.setstate(plain)


@contextmanager
def seeded(random: Randomness, *path: int, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global generators, for weight starts and dropout, and puts them back afterwards.

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
