"""Noise, the baseline that every attack has to beat (Huang et al., Machines 2022, 10, 278, section 5.3)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Attack, AttackBatch, AttackContext
from robusthash.specs import Distance, Norm


@dataclass(frozen=True, kw_only=True)
class Noise(Attack):
    """Adds a uniform point of the ball: ``U[-epsilon, epsilon]`` on each element, or a random direction in L2.

    Of a text of tags, it swaps as many as the threat allows.
    """

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset(Distance)

    @property
    def norms(self) -> frozenset[Norm]:  # noqa: D102 - as in the base class
        return frozenset(Norm)

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        clean = batch.inputs
        uniform = context.random.uniform(batch.ids, tuple(clean.shape[1:]))
        return context.threat.point(uniform, clean)
