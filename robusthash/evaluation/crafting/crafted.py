"""Queries that were attacked: what was delivered and what it cost; several batches as one; on disk and back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from robusthash.arrays import read_arrays, write_arrays
from robusthash.contracts import Adversarial, Threat
from robusthash.evaluation.crafting.trace import joined
from robusthash.results import Cost


@dataclass(frozen=True, kw_only=True)
class Crafted:
    """Some queries, attacked.

    Attributes:
        clean: (n, ...) float32, the clean inputs.
        adversarial: what the guard handed on.
        cost: what was spent.
        batch: most queries that were attacked at once.
        member: (n,) int64, for an ensemble, the member that each query's outcome is from.
        trace: (n, steps + 1), the distance to the aim of what would be delivered after so many steps; None if the
            attack does not tell.
    """

    clean: Tensor
    adversarial: Adversarial
    cost: Cost
    batch: int
    member: Tensor | None = None
    trace: np.ndarray | None = None

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Several batches as one, in their order."""
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
        """Writes what was delivered, for other cells of the run.

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
            clean: (n, ...) float32, the clean inputs, on the device.
            threat: that the attack was held to, which says how what was kept unrounded is delivered.

        Raises:
            InputError: the file is damaged.
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

    def judged_from(self, member: Tensor, spent: Sequence["Crafted"]) -> Self:
        """The same as the outcome of an ensemble.

        Args:
            member: (n,) int64, which member each query's outcome is from.
            spent: everything that was tried.
        """
        cost = sum((one.cost for one in spent), Cost())
        return replace(self, cost=cost, batch=max(one.batch for one in spent), member=member, trace=None)
