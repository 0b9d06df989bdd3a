"""The items of the train split that are relevant to a query, and the base class of attacks on them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import Attack, AttackBatch, AttackContext, CodeBank
from robusthash.errors import CapabilityError
from robusthash.specs import Capability, Goal


@dataclass(frozen=True, kw_only=True)
class Relevant(Attack):
    """Away from the items that share the query's label, or towards those of a target label.

    A class names it before what else it is: ``class Mine(Relevant, Sloped, DescentAttack)``.
    """

    targeted: bool = False  #: towards the items of the target label, instead of away from those of the query's own

    @property
    def goal(self) -> Goal:  # noqa: D102 - as in the base class
        return Goal.TARGETED if self.targeted else Goal.UNTARGETED

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        needs = {Capability.GRADIENTS, Capability.CODE_BANK}
        return frozenset(needs if self.targeted else needs | {Capability.LABELS})

    def relevance(self, batch: AttackBatch, context: AttackContext) -> tuple[Tensor, CodeBank]:
        """The labels, (n, classes), by which items of the train split are relevant to each query, and these items.

        Raises:
            CapabilityError: one of both is missing.
        """
        return labelled(batch.targets if self.targeted else batch.labels, context.bank, of=self)


def labelled(labels: Tensor | None, bank: CodeBank | None, *, of: Attack) -> tuple[Tensor, CodeBank]:
    """What an attack on relevant items needs: (n, classes) labels of its queries, and the train split's codes.

    Raises:
        CapabilityError: one of both is missing.
    """
    if labels is None or bank is None:
        name = type(of).__name__
        raise CapabilityError(f"{name} needs labels and the code bank", hint="use an attack with the aim 'away'")
    return labels, bank


def drawn(bank: CodeBank, items: int, context: AttackContext) -> CodeBank:
    """At most so many items of a bank, drawn anew for each try."""
    count = len(bank.codes)
    if count <= items:
        return bank
    order = context.random.derived(f"items {context.restart}").generator(0).permutation(count)
    rows = torch.from_numpy(order[:items]).to(bank.codes.device)
    return CodeBank(codes=bank.codes[rows], labels=bank.labels[rows])
