"""Queries that were attacked: what was delivered and what it cost; several batches as one; on disk and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.arrays import read_arrays, write_arrays
from robusthash.contracts import Adversarial, Budget
from robusthash.evaluation.crafting.trace import joined
from robusthash.pixels import from_levels, to_levels


@dataclass(frozen=True, kw_only=True)
class Crafted:
    """Some queries, attacked.

    Attributes:
        clean: (n, 3, h, w) float32, the clean inputs.
        adversarial: what the guard handed on.
        budget: what was spent.
        seconds: the time spent.
        batch: most queries that were attacked at once.
        member: (n,) int64, for an ensemble, the member that each query's outcome is from.
        trace: (n, steps + 1) int16, the distance to the aim of what would be delivered after so many steps; None if the
            attack does not tell.
    """

    clean: Tensor
    adversarial: Adversarial
    budget: Budget
    seconds: float
    batch: int
    member: Tensor | None = None
    trace: np.ndarray | None = None


def together(parts: Sequence[Crafted]) -> Crafted:
    """Several batches as one, in their order."""
    if len(parts) == 1:
        return parts[0]
    inputs, unrounded, clipped = (
        torch.cat([getattr(part.adversarial, name) for part in parts]) for name in ("inputs", "unrounded", "clipped")
    )
    return Crafted(
        clean=torch.cat([part.clean for part in parts]),
        adversarial=Adversarial(inputs=inputs, unrounded=unrounded, clipped=clipped),
        budget=summed(parts),
        seconds=sum(part.seconds for part in parts),
        batch=max(part.batch for part in parts),
        trace=joined([part.trace for part in parts if part.trace is not None]),
    )


def summed(parts: Sequence[Crafted]) -> Budget:
    """What several batches spent."""
    forward, backward, queries = (
        sum(getattr(part.budget, name) for part in parts) for name in ("forward", "backward", "queries")
    )
    return Budget(forward=forward, backward=backward, queries=queries)


def write_crafted(path: Path, crafted: Crafted) -> None:
    """Writes what was delivered, for other cells of the run.

    Raises:
        StorageError: the file cannot be written.
    """
    outcome, budget = crafted.adversarial, crafted.budget
    arrays = {
        "inputs": to_levels(outcome.inputs).cpu().numpy(),
        "unrounded": outcome.unrounded.cpu().numpy(),
        "clipped": outcome.clipped.cpu().numpy(),
        "spent": np.array([budget.forward, budget.backward, budget.queries, crafted.batch]),
        "seconds": np.array([crafted.seconds]),
    }
    write_arrays(path, arrays if crafted.trace is None else arrays | {"trace": crafted.trace})


def read_crafted(path: Path, clean: Tensor) -> Crafted:
    """Reads what :func:`write_crafted` wrote.

    Args:
        path: of the file.
        clean: (n, 3, h, w) float32, the clean inputs, on the device.

    Raises:
        InputError: the file is damaged.
    """
    arrays = read_arrays(path)
    forward, backward, queries, batch = (int(count) for count in arrays["spent"])
    return Crafted(
        clean=clean,
        adversarial=Adversarial(
            inputs=from_levels(torch.from_numpy(arrays["inputs"]).to(clean.device)),
            unrounded=torch.from_numpy(arrays["unrounded"]).to(clean.device),
            clipped=torch.from_numpy(arrays["clipped"]).to(clean.device),
        ),
        budget=Budget(forward=forward, backward=backward, queries=queries),
        seconds=float(arrays["seconds"][0]),
        batch=batch,
        trace=arrays.get("trace"),
    )
