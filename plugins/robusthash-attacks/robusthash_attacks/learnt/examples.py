"""Batches of the train split, and a validation part cut from it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Inputs, LearningContext, Randomness
from robusthash.errors import CapabilityError

_SHARE = 10  #: one train item in this many validates
_MOST = 256  #: validation items, at most
_FEW = 8  #: items to look at


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """Some items of the train split.

    Attributes:
        view: the train split's inputs.
        rows: (n,) int64, positions of these items in the train split.
        random: of the batches.
        device: where batches are put.
    """

    view: Inputs
    rows: np.ndarray
    random: Randomness
    device: torch.device

    @classmethod
    def split(cls, context: LearningContext, *, without: Tensor | None = None) -> tuple[Self, Self]:
        """Cuts the train split into a part to learn from, and one of a tenth, at most 256 items, that validates.

        Args:
            context: what may be known.
            without: a label vector (classes,); items that share a label with it are left out.

        Raises:
            CapabilityError: less than two items are left, or there are none in the surrogate's modality.
        """
        order = context.random.derived("validation").generator(0).permutation(len(context.train))
        if without is not None:
            order = order[~shares_label(context.bank.labels, without).cpu().numpy()[order]]
        if len(order) < 2:
            raise CapabilityError(
                f"there are {len(order)} items of the train split to learn from", hint="learning needs at least two"
            )
        held = min(max(len(order) // _SHARE, 1), _MOST)
        learnt, validating = (
            cls(
                view=context.train.view(context.surrogate.modality.name),
                rows=rows,
                random=context.random.derived("batches"),
                device=context.device,
            )
            for rows in (order[held:], order[:held])
        )
        return learnt, validating

    def batch(self, step: int, size: int) -> np.ndarray:
        """Positions in the train split of one batch, drawn without replacement: a function of the step alone."""
        return self.random.generator(step).choice(self.rows, size=min(size, len(self.rows)), replace=False)

    def parts(self, size: int) -> list[np.ndarray]:
        """All positions, in runs of at most ``size``."""
        return [self.rows[start : start + size] for start in range(0, len(self.rows), size)]

    @property
    def few(self) -> np.ndarray:
        """Positions of a few items to look at: always the same ones."""
        return self.rows[:_FEW]

    def inputs(self, rows: np.ndarray) -> Tensor:
        r"""(n, \*shape) float32 inputs at some positions in the train split, on the device."""
        return self.view.inputs(rows.tolist()).to(self.device)


def shares_label(labels: Tensor, wanted: Tensor) -> Tensor:
    """Whether each label vector (n, classes) shares a label with one (classes,): (n,) bool."""
    return (labels.bool() & wanted.bool()).any(1)
