"""What an adversarial training knows of the train split, and what its method may look at in each step."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from robusthash.contracts import Randomness, TrainStep
from robusthash.hashing import sign


@dataclass(frozen=True, kw_only=True, eq=False)
class Banks:
    """Codes and labels of the whole train split as the model has last seen it, on the training device.

    The two kinds of codes share no memory. A batch's rows of both are written in place, after its images were crafted
    and before its loss is taken.

    Attributes:
        codes: (items, bits) float in {-1, +1}, for codes that represent a label.
        relaxed: (items, bits) float in [-1, 1], tanh of the logits, for losses.
        labels: (items, classes) float in {0, 1}.
    """

    codes: Tensor
    relaxed: Tensor
    labels: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> "Banks":
        """Those of logits (items, bits) and labels (items, classes)."""
        banks = cls(codes=torch.empty_like(logits), relaxed=torch.empty_like(logits), labels=labels.to(logits))
        banks.write(torch.arange(len(logits), device=logits.device), logits)
        return banks

    def write(self, rows: Tensor, logits: Tensor) -> None:
        """Puts new logits (n, bits) of some items, (n,) int64, in the place of the old."""
        self.codes[rows] = sign(logits.detach()).to(self.codes)
        self.relaxed[rows] = torch.tanh(logits.detach())

    @cached_property
    def distinct(self) -> Tensor:
        """Each label vector once, but for that of items without labels: (m, classes)."""
        found: Tensor = torch.unique(self.labels, dim=0)
        return found[found.any(1)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What a method may look at when a batch is attacked, and again when its loss is taken.

    Attributes:
        labels: (n, classes) float in {0, 1}, the batch's.
        banks: of the train split; the batch's rows are new in the loss, and of its last visit before.
        head: what :meth:`AdversarialTraining.head` built; None if that is nothing.
        random: for draws of this training; derive one for each purpose, and draw by ``step.iteration``.
        step: where in the hardening this is.
    """

    labels: Tensor
    banks: Banks
    head: nn.Module | None
    random: Randomness
    step: TrainStep
