"""Batches of the train split, and a validation part cut from it."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Inputs, LearningContext, Randomness
from robusthash.errors import CapabilityError

_SHARE = 10  #: one train item in this many validates
_MOST = 256  #: validation items, at most


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """Some items of the train split.

    Attributes:
        view: the train split's inputs.
        labels: (items, classes) uint8, of the whole train split, on the device.
        rows: (n,) int64, positions of these items in the train split.
        random: of the batches.
        device: where batches are put.
    """

    view: Inputs
    labels: Tensor
    rows: np.ndarray
    random: Randomness
    device: torch.device

    @classmethod
    def split(cls, context: LearningContext) -> tuple[Self, Self]:
        """Cuts the train split into a part to learn from, and one of a tenth, at most 256 items, that validates.

        Raises:
            CapabilityError: there are less than two items, or none in the surrogate's modality.
        """
        total = len(context.train)
        if total < 2:
            raise CapabilityError(f"the train split has {total} items", hint="learning needs at least two")
        order = context.random.derived("validation").generator(0).permutation(total)
        held = min(max(total // _SHARE, 1), _MOST)
        learnt, validating = (
            cls(
                view=context.train.view(context.surrogate.modality.name),
                labels=context.bank.labels,
                rows=rows,
                random=context.random.derived("batches"),
                device=context.device,
            )
            for rows in (order[held:], order[:held])
        )
        return learnt, validating

    def without(self, label: Tensor) -> Self:
        """The items that share no label with a label vector (classes,).

        Raises:
            CapabilityError: every item shares one.
        """
        shared = (self.labels[torch.from_numpy(self.rows).to(self.labels.device)] & label).bool().any(1).cpu().numpy()
        if shared.all():
            raise CapabilityError(
                "every item of the train split has the target label", hint="an attack towards it has nothing to learn"
            )
        return replace(self, rows=self.rows[~shared])

    def batch(self, step: int, size: int) -> np.ndarray:
        """Positions in the train split of one batch, drawn without replacement: a function of the step alone."""
        return self.random.generator(step).choice(self.rows, size=min(size, len(self.rows)), replace=False)

    def parts(self, size: int) -> list[np.ndarray]:
        """All positions, in runs of at most ``size``."""
        return [self.rows[start : start + size] for start in range(0, len(self.rows), size)]

    def inputs(self, rows: np.ndarray) -> Tensor:
        r"""(n, \*shape) float32 inputs at some positions in the train split, on the device."""
        return self.view.inputs(rows.tolist()).to(self.device)
