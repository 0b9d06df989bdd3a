"""Randomness that is a pure function of (seed, attack, query, restart, element), never of batch, order or worker."""

import hashlib
import random as python_random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

import numpy as np
import torch
from torch import Tensor


class Draws(StrEnum):
    """When a defense draws random numbers."""

    NONE = "none"  #: never: the hardened model is a function of the model and the data
    SEED = "seed"  #: once, while it hardens, from the run's seed; an input's logits do not change from pass to pass
    PER_CALL = "per-call"  #: in each pass, from torch's global generator, which the host seeds; flagged (RH008)


@dataclass(frozen=True, kw_only=True)
class Randomness:
    """Random streams, one for each query.

    Attributes:
        seed: of the run.
        purpose: what the numbers are for, usually the attack's full name; streams of two purposes are independent.
    """

    seed: int
    purpose: str

    def uniform(self, ids: Tensor, shape: tuple[int, ...], *, restart: int = 0) -> Tensor:
        r"""Uniform numbers in [0, 1), from an independent stream per query.

        Args:
            ids: (n,) int64, positions in the query split.
            shape: of the numbers of one query.
            restart: index of the restart that they are for.

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
        """Streams for another purpose within the same attack, independent of these."""
        return replace(self, purpose=f"{self.purpose}/{purpose}")

    def generator(self, *path: int) -> np.random.Generator:
        """A numpy generator, for draws that are not uniform numbers, such as target labels.

        Args:
            path: integers that select the stream, such as a query's id.
        """
        return np.random.Generator(np.random.Philox(key=self._key(*path)))

    def _key(self, *path: int) -> int:
        text = "|".join([str(self.seed), self.purpose, *map(str, path)])
        return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).digest(), "little")


def _raw(key: int, count: int) -> np.ndarray:
    # By numpy's compatibility policy Philox's raw bits never change; the distributions derived from them may.
    words = np.random.Philox(key=key).random_raw((count + 1) // 2)
    halves = words.view(np.uint32)[:count]
    return (halves >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


@contextmanager
def isolated_randomness(random: Randomness, ids: Tensor) -> Iterator[None]:
    """Seeds the global generators of torch, numpy and Python by a batch's first query, and restores them afterwards.

    An attack should draw from :class:`Randomness`; one that draws from global generators is still reproducible per
    shard.

    Args:
        random: seed and purpose.
        ids: (n,) int64, ids of the batch's queries; a GPU that holds them is seeded too. Empty counts as query 0.
    """
    devices = [ids.device] if ids.is_cuda else []
    apple = torch.mps.get_rng_state() if ids.device.type == "mps" else None
    seed = random._key(int(ids[0]) if len(ids) else 0)
    legacy, plain = np.random.get_state(), python_random.getstate()  # noqa: NPY002 - plugins may draw from it
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed % 2**63)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - likewise
        python_random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(legacy)  # noqa: NPY002 - likewise
            python_random.setstate(plain)
            if apple is not None:
                torch.mps.set_rng_state(apple)


@contextmanager
def seeded(random: Randomness, *path: int, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global generators, for initial weights and dropout, and restores them afterwards.

    Args:
        random: seed and purpose.
        path: integers that select the stream, such as the epoch.
        device: a GPU to seed besides the CPU; None is the CPU alone.
    """
    seed = int(random.generator(*path).bit_generator.random_raw() >> 1)
    cuda = device if device is not None and device.type == "cuda" else None
    with torch.random.fork_rng(devices=[cuda] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(cuda):
                torch.cuda.manual_seed(seed)
        apple = torch.mps.get_rng_state() if device is not None and device.type == "mps" else None
        if apple is not None:
            torch.mps.manual_seed(seed)
        try:
            yield
        finally:
            if apple is not None:
                torch.mps.set_rng_state(apple)
