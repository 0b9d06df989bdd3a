"""Label vectors that a targeted attack has learnt something for, and their codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from robusthash.adversary import Aim, find_aim
from robusthash.contracts import AttackBatch, AttackContext, CodeBank, LearningContext, Randomness, Space
from robusthash.errors import CapabilityError
from robusthash_attacks.learnt.examples import shares_label

_LEAST = 2  #: items without the label, for a part to learn from and one that validates
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

        Left out is a label vector that shares a label with all items but one or none: there is nothing to learn from,
        and hardly a query that is not at its target.

        Raises:
            CapabilityError: no label vector is left.
        """
        every = context.bank.labels
        distinct, counts = torch.unique(every, dim=0, return_counts=True)
        ranked = distinct[counts.argsort(descending=True, stable=True)]
        kept = (label for label in ranked if label.any() and (~shares_label(every, label)).sum() >= _LEAST)
        found = list(islice(kept, most))
        if not found:
            raise CapabilityError(
                "the train split has no label that some items have and at least two others have not",
                hint="use an untargeted attack",
            )
        labels = torch.stack(found)
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
        likeness = normalize(wanted) @ normalize(self.codes).T
        same = (batch.targets[:, None] == self.labels).all(2)
        return torch.where(same, torch.inf, likeness).argmax(1)


def unseen(labels: Tensor, share: float, seed: int) -> Tensor:
    """Which label vectors are no targets while an attack learns, if a share of them is to be new to it: (n,) bool.

    It is drawn for each label vector by itself, whatever the others are.

    Args:
        labels: (n, classes) uint8.
        share: of the label vectors, from 0 to 1.
        seed: of the run.

    >>> labels = torch.eye(4, dtype=torch.uint8)
    >>> unseen(labels, 0.5, 0).tolist() == unseen(labels.flip(0), 0.5, 0).flip(0).tolist()
    True
    """
    random = Randomness(seed=seed, purpose="unseen targets")
    drawn = [random.generator(*label.nonzero().flatten().tolist()).random() for label in labels.cpu()]
    return torch.tensor(drawn, device=labels.device) < share


def _codes(aim: Aim, labels: Tensor, space: Space, bank: CodeBank) -> Tensor:
    batch = AttackBatch(inputs=labels, ids=torch.arange(len(labels)), targets=labels)
    return find_aim(
        aim, batch, bank.codes.new_zeros(len(labels), bank.codes.shape[1], dtype=torch.float32), space, bank
    )
