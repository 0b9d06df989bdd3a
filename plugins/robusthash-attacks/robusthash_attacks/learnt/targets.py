"""Label vectors that a targeted attack has learnt something for, and their codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from robusthash.adversary import Aim, find_aim
from robusthash.contracts import AttackBatch, AttackContext, CodeBank, LearningContext, Space
from robusthash.errors import CapabilityError

_LABELS, _CODES = "target labels", "target codes"


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetCodes:
    """Label vectors and the codes that represent them.

    Attributes:
        labels: (n, classes) uint8.
        codes: (n, size) float: in {-1, +1}, or descriptors.
    """

    labels: Tensor
    codes: Tensor

    @classmethod
    def most_frequent(cls, aim: Aim, context: LearningContext, most: int) -> Self:
        """The most frequent label vectors of the train split; of equally frequent ones, in the order of the classes.

        Raises:
            CapabilityError: no item has a label.
        """
        distinct, counts = torch.unique(context.bank.labels, dim=0, return_counts=True)
        labelled = distinct.bool().any(1)
        if not labelled.any():
            raise CapabilityError("no item of the train split has a label", hint="use an untargeted attack")
        order = counts[labelled].argsort(descending=True, stable=True)[:most]
        labels = distinct[labelled][order]
        return cls(labels=labels, codes=_codes(aim, labels, context.surrogate.space, context.bank))

    @classmethod
    def of(cls, fitted: Mapping[str, Tensor]) -> Self:
        """Inverse of :meth:`tensors`."""
        return cls(labels=fitted[_LABELS], codes=fitted[_CODES])

    def tensors(self) -> dict[str, Tensor]:
        """Labels and codes by name, to be stored with what was learnt."""
        return {_LABELS: self.labels, _CODES: self.codes}

    def nearest(self, aim: Aim, batch: AttackBatch, context: AttackContext) -> Tensor:
        """For each query the label vector whose code is nearest to that of its target: (n,) int64.

        A target that is one of the label vectors is its own.

        Raises:
            CapabilityError: there are no targets, or no code bank.
        """
        if batch.targets is None or context.bank is None:
            raise CapabilityError("a targeted attack needs target labels and the code bank")
        wanted = _codes(aim, batch.targets, context.surrogate.space, context.bank)
        likeness = wanted @ self.codes.T
        same = (batch.targets[:, None] == self.labels).all(2)
        return torch.where(same, torch.inf, likeness).argmax(1)


def _codes(aim: Aim, labels: Tensor, space: Space, bank: CodeBank) -> Tensor:
    batch = AttackBatch(inputs=labels, ids=torch.arange(len(labels)), targets=labels)
    return find_aim(
        aim, batch, bank.codes.new_zeros(len(labels), bank.codes.shape[1], dtype=torch.float32), space, bank
    )
