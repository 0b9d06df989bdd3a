"""Attacked queries: what was delivered and what it cost, in memory and on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Adversarial, Threat
from robusthash.evaluation.crafting.trace import joined
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.results import Cost


@dataclass(frozen=True, kw_only=True)
class Crafted:
    """Some attacked queries.

    Attributes:
        clean: (n, ...) float32, clean inputs.
        adversarial: what the guard let through.
        cost: passes, queries and seconds spent.
        batch: largest number of queries in one batch.
        member: (n,) int64, for an ensemble, index of the member that each outcome comes from.
        trace: (n, steps + 1), distance to the aim of what would be delivered after each number of steps; None if the
            attack does not report it.
    """

    clean: Tensor
    adversarial: Adversarial
    cost: Cost
    batch: int
    member: Tensor | None = None
    trace: np.ndarray | None = None

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Concatenates batches, in their order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            clean=torch.cat([part.clean for part in parts]),
            adversarial=Adversarial.cat([part.adversarial for part in parts]),
            cost=sum((part.cost for part in parts), Cost()),
            batch=max(part.batch for part in parts),
            trace=joined([part.trace for part in parts if part.trace is not None]),
        )

    def write(self, path: Path) -> None:
        """Stores what was delivered, for other cells of the run.

        Raises:
            StorageError: the file cannot be written.
        """
        outcome, cost = self.adversarial, self.cost
        arrays = {
            "unrounded": outcome.unrounded.cpu().numpy(),
            "clipped": outcome.clipped.cpu().numpy(),
            "spent": np.array([cost.forward, cost.backward, cost.queries, self.batch]),
            "seconds": np.array([cost.seconds]),
        }
        write_arrays(path, arrays if self.trace is None else arrays | {"trace": self.trace})

    @classmethod
    def read(cls, path: Path, clean: Tensor, threat: Threat) -> Self:
        """Reads what :meth:`write` wrote.

        Args:
            path: of the file.
            clean: (n, ...) float32, clean inputs, on the device.
            threat: the attack's threat, by which unrounded inputs are delivered.

        Raises:
            InputError: the file is missing or damaged.
        """
        arrays = read_arrays(path)
        forward, backward, queries, batch = (int(count) for count in arrays["spent"])
        unrounded, clipped = (torch.from_numpy(arrays[name]).to(clean.device) for name in ("unrounded", "clipped"))
        return cls(
            clean=clean,
            adversarial=Adversarial(inputs=threat.deliver(unrounded, clean), unrounded=unrounded, clipped=clipped),
            cost=Cost(forward=forward, backward=backward, queries=queries, seconds=float(arrays["seconds"][0])),
            batch=batch,
            trace=arrays.get("trace"),
        )
