"""Shards: a fixed run of queries, attacked in one batch, whose result is one file. A crash loses at most one."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robusthash.arrays import read_arrays, write_arrays
from robusthash.contracts import Randomness, isolated_randomness
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.trace import joined
from robusthash.hashing import pack
from robusthash.metrics import l2, linf, psnr, ssim
from robusthash.pixels import from_levels, to_levels
from robusthash.results import ADVERSARIAL, CLEAN, UNROUNDED, after_jpeg

Arrays = dict[str, np.ndarray]


def shard_ranges(queries: int, size: int) -> list[range]:
    """The shards of so many queries.

    >>> shard_ranges(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, queries)) for start in range(0, queries, size)]


def run_shard(job: Job, rows: Sequence[int], *, qualities: Sequence[int] = ()) -> Arrays:
    """Attacks and measures one shard.

    Args:
        job: the attack and its victim.
        rows: which queries.
        qualities: of JPEG, at which the images are hashed once more after compression.

    Returns:
        One row a query of: ``ids``; packed codes ``clean``, ``adversarial``, ``unrounded``, and for each quality
        ``clean-jpeg-Q`` and ``jpeg-Q``; ``psnr``, ``ssim``, ``linf``, ``l2``, ``clipped``; ``pixels``, a 128-bit digest
        of the 8-bit image; for an ensemble ``member``, whose outcome it is; and ``trace``, where the attack tells its
        distances step by step. And of the shard: ``spent`` (forward, backward, queries), ``batch`` and ``seconds``.
    """
    crafted = craft(job, rows)
    clean, adversarial = crafted.clean, crafted.adversarial
    levels = {CLEAN: _levels(clean), ADVERSARIAL: _levels(adversarial.inputs)}
    stages = {CLEAN: clean, ADVERSARIAL: adversarial.inputs, UNROUNDED: adversarial.unrounded}
    for quality in qualities:
        for stage, name in zip((CLEAN, ADVERSARIAL), after_jpeg(quality), strict=True):
            stages[name] = _after_jpeg(levels[stage], quality).to(job.device)
    imagery = {
        "psnr": psnr(adversarial.inputs, clean),
        "ssim": ssim(adversarial.inputs, clean),
        "linf": linf(adversarial.inputs, clean),
        "l2": l2(adversarial.inputs, clean),
        "clipped": adversarial.clipped,
    }
    ids = job.ids[torch.as_tensor(rows)]
    random = Randomness(seed=job.seed, purpose="victim")
    codes = {}
    for name, images in stages.items():
        # A randomised victim draws the same numbers in every run, and others for each stage.
        with isolated_randomness(random.derived(name), ids.to(job.device)):
            codes[name] = pack(job.victim.codes(images)).cpu().numpy()
    budget = crafted.budget
    return {
        "ids": ids.numpy(),
        **codes,
        **{name: values.double().cpu().numpy() for name, values in imagery.items()},
        "pixels": np.stack([_digest(image) for image in levels[ADVERSARIAL]]),
        **({} if crafted.member is None else {"member": crafted.member.numpy()}),
        **({} if crafted.trace is None else {"trace": crafted.trace}),
        "spent": np.array([budget.forward, budget.backward, budget.queries]),
        "batch": np.array([crafted.batch]),
        "seconds": np.array([crafted.seconds]),
    }


class ShardFolder:
    """Finished shards of one cell, each a file.

    Args:
        folder: of this cell alone.
        shards: how many there are.
    """

    def __init__(self, folder: Path, shards: int) -> None:
        self.folder = folder
        self.shards = shards

    def missing(self) -> list[int]:
        """Shards not yet there, ascending."""
        return [shard for shard in range(self.shards) if not self._path(shard).exists()]

    def write(self, shard: int, arrays: Arrays) -> None:
        """Stores one shard's result.

        Raises:
            StorageError: the file cannot be written; no part of it stays.
        """
        write_arrays(self._path(shard), arrays)

    def read(self) -> Arrays:
        """All shards, joined in order; what was spent is summed, and the largest batch is told."""
        parts = [read_arrays(self._path(shard)) for shard in range(self.shards)]
        stacked = {name: [part[name] for part in parts] for name in parts[0]}
        whole = {name: np.sum(stacked.pop(name), axis=0) for name in ("spent", "seconds")}
        whole["batch"] = np.max(stacked.pop("batch"), axis=0)
        trace = joined(stacked.pop("trace", []))
        if trace is not None:
            whole["trace"] = trace
        return {name: np.concatenate(rows) for name, rows in stacked.items()} | whole

    def remove(self) -> None:
        """Removes the shards, once the record is stored."""
        for path in self.folder.glob("*.npz"):
            path.unlink()
        self.folder.rmdir()

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.npz"


def _digest(image: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), dtype=np.uint8)


def _levels(images: Tensor) -> np.ndarray:
    levels: np.ndarray = to_levels(images).cpu().numpy()
    return levels


def _after_jpeg(levels: np.ndarray, quality: int) -> Tensor:
    """What a service gets of images that are uploaded as JPEG: (n, 3, h, w) float32 in [0, 1]."""
    decoded = []
    for image in levels:
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(buffer, format="JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)).transpose(2, 0, 1))
    return from_levels(torch.from_numpy(np.stack(decoded)))
