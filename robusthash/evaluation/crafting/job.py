"""A job: one attack on one victim, with all that it is handed, ready to run on any of its queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Attack, CodeBank, HashModel, Images, Index, Precision, Threat
from robusthash.memory import Batches


class Judge(Protocol):
    """What decides which outcome of an ensemble is worst."""

    def headline(self, packed: Tensor, rows: Sequence[int]) -> np.ndarray:
        """The headline metric of some queries: (rows,) float64, by their packed codes (rows, bytes) uint8."""
        ...

    def worst_possible(self, rows: Sequence[int]) -> np.ndarray:
        """The least that the headline metric of these queries can be: (rows,) float64."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attack on one victim, ready to run on any of its queries.

    Attributes:
        victim: scored; in evaluation mode, parameters frozen, on the device.
        surrogate: crafted on; the victim itself in a white-box evaluation.
        attack: what perturbs the queries.
        purpose: key of the attack's randomness, its full name.
        images: all queries to attack.
        ids: (n,) int64, their positions in the dataset's query split.
        threat: how far the attack may go.
        seed: of the run.
        device: where to compute.
        members: of an ensemble, the jobs of its attacks.
        judge: of an ensemble, what decides which outcome is worst.
        labels: (n, classes) uint8, their labels; None where the attack has no business knowing them.
        targets: (n, classes) uint8, target labels of a targeted attack.
        anchors: (n, voters, bits) int8, codes with the target label.
        bank: codes and labels of the train split, where the attack needs them; on the device.
        index: what the victim's service searches, where the attack asks it.
        fitted: what the attack has learnt, on the device.
        precision: of the passes through the surrogate.
        run: a compiled form of the surrogate; None is the surrogate itself.
        batches: how many queries fit into memory at once.
        kept: folder where outcomes are kept that other cells need too; None keeps nothing.
    """

    victim: HashModel
    surrogate: HashModel
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
    index: Index | None = None
    fitted: Mapping[str, Tensor] | None = None
    precision: Precision = Precision.FLOAT32
    run: Callable[[Tensor], Tensor] | None = None
    batches: Batches = field(default_factory=Batches)
    kept: Path | None = None
