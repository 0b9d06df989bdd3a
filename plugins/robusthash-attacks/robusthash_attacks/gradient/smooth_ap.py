"""Descent on the ranking itself: the smooth average precision of a query among the codes of the train split."""

import math
from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import DescentAttack, Objective, Sloped, Start, Step
from robusthash.contracts import AttackBatch, AttackContext
from robusthash.errors import OptionError
from robusthash_attacks.gradient.ranked import Items, Ranked, smooth_average_precision, value_and_slope
from robusthash_attacks.gradient.relevant import Relevant, drawn


@dataclass(frozen=True, kw_only=True)
class SmoothAP(Relevant, Sloped, DescentAttack):
    """Ranks the items that share the query's label last, or those of the target label first.

    A loss on a code moves all bits alike, or those that have not turned; but a bit that brings the query no nearer to
    an irrelevant item is worth nothing. With relaxed codes ``u = tanh(a f(x))`` and distances ``(K - <u, r>) / 2``
    to codes ``r`` of the train split, this one minimises, or targeted maximises, the average precision with logistic
    comparisons (Smooth-AP: Brown et al., ECCV 2020), computed on histograms of distances (as by He et al., CVPR 2018).
    Iterates are compared by the average precision of their codes among the same items. The gradient of each query is
    scaled to a largest element of 1. A query without a relevant item among them keeps its start.
    """

    start: Start | str = Start.RANDOM  #: zero, random, best, or an attack that learns
    step: Step = Step.ADAPTIVE  #: how a gradient becomes a step
    temperature: float = 1.0  #: of the comparison of two distances, in bits
    items: int = 10_000  #: of the train split, at most, that are ranked; they are drawn at random for each try

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.items < 1 or not 0 < self.temperature < math.inf:
            raise OptionError(f"items={self.items}, temperature={self.temperature}", hint="both are positive")

    def objective(self, batch: AttackBatch, context: AttackContext) -> Objective:  # noqa: D102 - as in the base class
        labels, bank = self.relevance(batch, context)
        bank = drawn(bank, self.items, context)
        labels = labels.to(bank.codes.device).float()
        return _Ranking(attack=self, items=Items.of(bank), labels=labels, targeted=self.targeted)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranking(Ranked):
    """Average precision as an objective.

    Attributes:
        attack: with its options.
    """

    attack: SmoothAP

    def loss(self, outputs: Tensor, progress: float) -> Tensor:
        codes = self.attack.relaxed(outputs, progress)
        fixed = codes.detach()
        value, slope = value_and_slope(
            self.items, fixed, self.labels, smooth_average_precision(self.attack.temperature)
        )
        rising = value + ((codes - fixed) * slope).sum(1)
        return -rising if self.targeted else rising
