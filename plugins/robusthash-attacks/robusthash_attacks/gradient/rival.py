"""Descent towards the code of another label, as targeted Auto-PGD turns to the classes of a classifier one by one."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from robusthash.adversary import DescentAttack, Objective, Sloped, Start, Step
from robusthash.contracts import AttackBatch, AttackContext, CodeBank
from robusthash.errors import OptionError
from robusthash.hashing import mainstay
from robusthash.specs import Capability
from robusthash_attacks.gradient.mainstay import over_unturned
from robusthash_attacks.gradient.ranked import Items, Ranked
from robusthash_attacks.gradient.relevant import drawn, labelled


@dataclass(frozen=True, kw_only=True)
class Rival(Sloped, DescentAttack):
    """Moves a query to where another label is retrieved: one of those whose codes are nearest to it.

    The rivals of a query are classes, each with the mainstay code ``r`` of its items in the train split, in the order
    of ``<tanh(a f), r> / K - 2 p`` where the query starts; ``p`` is the share of the class's items that are relevant to
    the query, and a class with ``p = 1``, such as its own, is none. Every further try of an ensemble turns to the next
    one. With ``s = tanh(a f(x)) r`` and the mask ``w`` of the bits in which ``r`` differs from the mainstay code of the
    query's own label and that have not turned by a margin, ``s < 1/2``, it minimises
    ``sum(w (s - 2) s) / max(sum(w), 1)``. Iterates are compared by the average precision of their codes among the train
    split's. A query without a rival keeps its start.

    In turn to the nearest classes: Auto-PGD's targeted form (Croce and Hein, ICML 2020, section 4.2); the loss on bits:
    Yuan et al., *SAAT*, IEEE TIFS 2023.
    """

    start: Start | str = Start.RANDOM  #: zero, random, best, or an attack that learns
    step: Step = Step.ADAPTIVE  #: how a gradient becomes a step
    rank: int = 0  #: of the rival in the first try, 0 is the nearest one; every further try turns to the next one
    items: int = 10_000  #: of the train split, at most, that iterates are compared by; drawn at random for each try

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank < 0 or self.items < 1:
            raise OptionError(f"rank={self.rank}, items={self.items}", hint="rank is at least 0, items at least 1")

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return frozenset({Capability.GRADIENTS, Capability.CODE_BANK, Capability.LABELS})

    def objective(self, batch: AttackBatch, context: AttackContext) -> Objective:  # noqa: D102 - as in the base class
        labels, bank = labelled(batch.labels, context.bank, of=self)
        with torch.no_grad():
            logits = context.surrogate(batch.inputs if batch.start is None else batch.start)
        labels = labels.to(logits.device).float()
        rival = rivals(self.relaxed(logits, 0.0), labels, bank, rank=self.rank + context.restart)
        return _Towards(
            attack=self,
            items=Items.of(drawn(bank, self.items, context)),
            labels=labels,
            rival=rival,
            differs=(rival * mainstay(labels, bank.codes, bank.labels) < 0).to(rival.dtype),
        )


def rivals(codes: Tensor, labels: Tensor, bank: CodeBank, *, rank: int) -> Tensor:
    """The mainstay code of each query's rival.

    Args:
        codes: (n, bits) float in [-1, 1], relaxed codes of the queries.
        labels: (n, classes) float in {0, 1}, theirs.
        bank: codes and labels of the train split.
        rank: 0 is the first of a query's rivals; after the last one, the first follows.

    Returns:
        (n, bits) float in {-1, 0, +1}; zeros for a query that has no rival.
    """
    has = bank.labels.to(labels)  # (items, classes)
    relevant = (labels @ has.T > 0).to(labels)
    share = relevant @ has / has.sum(0)  # NaN for a class without items
    allowed = share < 1
    theirs = mainstay(torch.eye(has.shape[1]).to(labels), bank.codes, bank.labels).to(codes)
    nearness = codes @ theirs.T / codes.shape[1] - 2 * share
    order = nearness.masked_fill(~allowed, -torch.inf).argsort(dim=1, descending=True, stable=True)
    count = allowed.sum(1, keepdim=True)
    chosen = theirs[order.gather(1, rank % count.clamp_min(1)).squeeze(1)]
    return chosen * (count > 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Towards(Ranked):
    """Towards the code of a rival.

    Attributes:
        attack: with its options.
        rival: (n, bits) float, the code to reach; zeros where there is none.
        differs: (n, bits) float in {0, 1}, where that of the query's own label is another one.
    """

    attack: Rival
    rival: Tensor
    differs: Tensor

    def loss(self, outputs: Tensor, progress: float) -> Tensor:
        turned = self.attack.relaxed(outputs, progress) * self.rival
        return over_unturned((turned - 2) * turned, turned, among=self.differs)

    def rows(self, rows: Tensor) -> Self:
        return replace(super().rows(rows), rival=self.rival[rows], differs=self.differs[rows])
