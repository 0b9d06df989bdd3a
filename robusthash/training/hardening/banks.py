"""Codes of the train split during adversarial training, and what a method may use in each step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from robusthash.contracts import IMAGE, Randomness, TrainStep
from robusthash.errors import ContractError
from robusthash.hashing import sign
from robusthash.training.hardening.outputs import Outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class Banks:
    """Latest codes of the whole train split, and its labels, on the training device.

    The two kinds of codes share no memory, unless they are made to. A batch's rows of both are updated in place after
    its images are attacked and before its loss is computed.

    A model with several towers has a row of each item by each tower, one tower after the other.

    Attributes:
        codes: (items, bits) float in {-1, +1}, for the codes that represent labels. If they are the same memory as
            ``relaxed``, these are the relaxed ones of all items that have been in a batch.
        relaxed: (items, bits) float in [-1, 1], tanh of the logits, for losses.
        labels: (items, classes) float in {0, 1}.
    """

    codes: Tensor
    relaxed: Tensor
    labels: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor, *, shared: bool = False) -> "Banks":
        """The banks of logits (items, bits) and labels (items, classes); shared ones start with binary codes."""
        codes = sign(logits).to(logits)
        return cls(codes=codes, relaxed=codes if shared else torch.tanh(logits), labels=labels.to(logits))

    @property
    def shared(self) -> bool:
        """Whether both kinds of codes are one memory."""
        return self.codes is self.relaxed

    def write(self, rows: Tensor, logits: Tensor) -> None:
        """Updates the rows of some items, (n,) int64, from their new logits (n, bits); the relaxed ones last."""
        self.codes[rows] = sign(logits.detach()).to(self.codes)
        self.relaxed[rows] = torch.tanh(logits.detach())

    def state(self) -> dict[str, Tensor]:
        """What :meth:`restored` needs; labels are the split's."""
        return {"codes": self.codes} | ({} if self.shared else {"relaxed": self.relaxed})

    def restored(self, state: Mapping[str, Tensor]) -> "Banks":
        """Banks of the same items, with the codes that :meth:`state` returned."""
        codes = state["codes"]
        return replace(self, codes=codes, relaxed=codes if self.shared else state["relaxed"])

    @cached_property
    def distinct(self) -> Tensor:
        """The distinct label vectors, without that of unlabelled items: (m, classes)."""
        found: Tensor = torch.unique(self.labels, dim=0)
        return found[found.any(1)]


def _unbanked() -> Banks:
    raise ContractError("there are no banks", hint="leave out `banked = False` in the method's class")


def _unseen() -> Outputs:
    raise ContractError("this scene has no model", hint="use the loss that `step` returns")


def _untaught() -> Outputs:
    raise ContractError("there is no teacher", hint="set `distils = True` in the method's class")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What a method may use when a batch is attacked, and when its loss is computed.

    Attributes:
        labels: (n, classes) float in {0, 1}, of the batch.
        head: what :meth:`AdversarialTraining.head` built, or None.
        random: for random draws; derive a stream for each purpose, and draw by ``step.iteration``.
        step: the position in the training.
        rows: (n,) int64, the batch's rows of the banks, as the tower that is attacked hashes it.
        modality: of that tower.
        recall: makes :attr:`banks`.
        look: makes :attr:`clean`.
        study: makes :attr:`taught`.
    """

    labels: Tensor
    head: nn.Module | None
    random: Randomness
    step: TrainStep
    rows: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    modality: str = IMAGE
    recall: Callable[[], Banks] = field(default=_unbanked, repr=False)
    look: Callable[[], Outputs] = field(default=_unseen, repr=False)
    study: Callable[[], Outputs] = field(default=_untaught, repr=False)

    @property
    def banks(self) -> Banks:
        """Codes of the train split.

        The batch's rows are from its previous visit during the attack, and up to date in the loss.

        Raises:
            ContractError: the method's ``banked`` is false.
        """
        return self.recall()

    @cached_property
    def clean(self) -> Outputs:
        """Outputs of the batch's clean inputs.

        In the loss they are those of the training pass, with gradients unless a cross-modal objective makes a pass of
        its own. During the attack they cost a pass, in evaluation mode and without gradients.
        """
        return self.look()

    @cached_property
    def taught(self) -> Outputs:
        """Outputs of the batch's clean inputs by the model as it came, in evaluation mode and without gradients.

        Raises:
            ContractError: the method's ``distils`` is false.
        """
        return self.study()
