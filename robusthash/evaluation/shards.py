"""Shards: a fixed run of queries, attacked in one batch, whose result is one file. A crash loses at most one."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.arrays import read_arrays, write_arrays
from robusthash.contracts import (
    Adversarial,
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    CodeBank,
    HashModel,
    Images,
    Randomness,
    Surrogate,
    Threat,
)
from robusthash.errors import PluginError, RobustHashError
from robusthash.hashing import pack
from robusthash.metrics import l2, linf, psnr, ssim

Arrays = dict[str, np.ndarray]


Judge = Callable[[Tensor, Sequence[int]], np.ndarray]  #: (packed codes, rows) -> (rows,) the metric of each query


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attack on one victim, ready to run on any of its shards.

    Attributes:
        victim: scored; in evaluation mode, parameters frozen, on the device.
        attack: what perturbs the queries.
        purpose: key of the attack's randomness, its full name.
        images: all queries to attack.
        ids: (n,) int64, their positions in the dataset's query split.
        members: of an ensemble, the jobs of its attacks.
        judge: of an ensemble, what decides which outcome is worst.
        labels: (n, classes) uint8, their labels; None where the attack has no business knowing them.
        targets: (n, classes) uint8, target labels of a targeted attack.
        anchors: (n, voters, bits) int8, codes with the target label.
        bank: codes and labels of the train split, where the attack needs them; on the device.
        fitted: what the attack has learnt, on the device.
        threat: how far the attack may go.
        seed: of the run.
        device: where to compute.
    """

    victim: HashModel
    attack: Attack
    purpose: str
    images: Images
    ids: Tensor
    threat: Threat
    seed: int
    device: torch.device
    members: "tuple[Job, ...]" = ()
    judge: Judge | None = None
    labels: Tensor | None = None
    targets: Tensor | None = None
    anchors: Tensor | None = None
    bank: CodeBank | None = None
    fitted: Mapping[str, Tensor] | None = None


def shard_ranges(queries: int, size: int) -> list[range]:
    """The shards of so many queries.

    >>> shard_ranges(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, queries)) for start in range(0, queries, size)]


@dataclass(frozen=True, kw_only=True)
class Crafted:
    """Some queries, attacked.

    Attributes:
        clean: (n, 3, h, w) float32, the clean inputs.
        adversarial: what the guard handed on.
        budget: the passes spent.
        seconds: the time spent.
        member: (n,) int64, for an ensemble, the member that each query's outcome is from.
    """

    clean: Tensor
    adversarial: Adversarial
    budget: Budget
    seconds: float
    member: Tensor | None = None


def craft(job: Job, rows: Sequence[int]) -> Crafted:
    """Attacks some of a job's queries, as one batch.

    Args:
        job: the attack and its victim.
        rows: which queries.

    Raises:
        PluginError: the attack raised something of its own, or broke its contract.
    """
    if job.judge is not None:
        return _worst([craft(member, rows) for member in job.members], job.victim, rows, job.judge)
    index = torch.as_tensor(rows, dtype=torch.int64)
    batch = AttackBatch(
        inputs=job.images.pixels(list(rows)).to(job.device),
        ids=job.ids[index].to(job.device),
        labels=_rows(job.labels, index, job.device),
        targets=_rows(job.targets, index, job.device),
        anchors=_rows(job.anchors, index, job.device),
    )
    budget = Budget()
    context = AttackContext(
        surrogate=Surrogate(job.victim, budget),
        threat=job.threat,
        random=Randomness(seed=job.seed, purpose=job.purpose),
        bank=job.bank,
        fitted=job.fitted,
    )
    started = time.perf_counter()
    try:
        adversarial = job.attack(batch, context)
    except RobustHashError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"it raised {type(error).__name__}: {error}", hint="report it to the plugin's author"
        ) from error
    if job.device.type == "cuda":
        torch.cuda.synchronize(job.device)
    seconds = time.perf_counter() - started
    return Crafted(clean=batch.inputs, adversarial=adversarial, budget=budget, seconds=seconds)


def _worst(crafted: Sequence[Crafted], victim: HashModel, rows: Sequence[int], judge: Judge) -> Crafted:
    """Each query's worst outcome of several attacks; of equals the first. What they spent is summed."""
    scores = np.stack([judge(pack(victim.codes(one.adversarial.inputs)).cpu(), rows) for one in crafted])
    member, query = torch.from_numpy(scores.argmin(axis=0)), torch.arange(len(rows))
    inputs, unrounded, clipped = (
        torch.stack([getattr(one.adversarial, name) for one in crafted])[member, query]
        for name in ("inputs", "unrounded", "clipped")
    )
    return Crafted(
        clean=crafted[0].clean,
        adversarial=Adversarial(inputs=inputs, unrounded=unrounded, clipped=clipped),
        budget=Budget(
            forward=sum(one.budget.forward for one in crafted), backward=sum(one.budget.backward for one in crafted)
        ),
        seconds=sum(one.seconds for one in crafted),
        member=member,
    )


def run_shard(job: Job, rows: Sequence[int]) -> Arrays:
    """Attacks and measures one shard.

    Args:
        job: the attack and its victim.
        rows: which queries.

    Returns:
        One row a query of: ``ids``; packed codes ``clean``, ``adversarial``, ``unrounded``; ``psnr``, ``ssim``,
        ``linf``, ``l2``, ``clipped``; ``pixels``, a 128-bit digest of the 8-bit image; and for an ensemble ``member``,
        whose outcome it is. And ``passes`` (forward, backward) and ``seconds`` of the shard.
    """
    crafted = craft(job, rows)
    clean, adversarial = crafted.clean, crafted.adversarial
    codes = {
        name: pack(job.victim.codes(images)).cpu().numpy()
        for name, images in (
            ("clean", clean),
            ("adversarial", adversarial.inputs),
            ("unrounded", adversarial.unrounded),
        )
    }
    levels = (adversarial.inputs * 255).round().to(torch.uint8).cpu().numpy()
    imagery = {
        "psnr": psnr(adversarial.inputs, clean),
        "ssim": ssim(adversarial.inputs, clean),
        "linf": linf(adversarial.inputs, clean),
        "l2": l2(adversarial.inputs, clean),
        "clipped": adversarial.clipped,
    }
    return {
        "ids": job.ids[torch.as_tensor(rows)].numpy(),
        **codes,
        **{name: values.double().cpu().numpy() for name, values in imagery.items()},
        "pixels": np.stack([_digest(image) for image in levels]),
        **({} if crafted.member is None else {"member": crafted.member.numpy()}),
        "passes": np.array([crafted.budget.forward, crafted.budget.backward]),
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
        """All shards, joined in order; passes and seconds summed."""
        parts = [read_arrays(self._path(shard)) for shard in range(self.shards)]
        stacked = {name: [part[name] for part in parts] for name in parts[0]}
        summed = {name: np.sum(stacked.pop(name), axis=0) for name in ("passes", "seconds")}
        return {name: np.concatenate(rows) for name, rows in stacked.items()} | summed

    def remove(self) -> None:
        """Removes the shards, once the record is stored."""
        for path in self.folder.glob("*.npz"):
            path.unlink()
        self.folder.rmdir()

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.npz"


def _digest(image: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), dtype=np.uint8)


def _rows(tensor: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor[index].to(device)
