"""Ensembles: several attacks, of which the host keeps the worst outcome for each query."""

from typing import final

from torch import Tensor

from robusthash.contracts.attacking.attack import Attack, AttackBatch, AttackContext
from robusthash.errors import ContractError


class Ensemble(Attack):
    """Several registered attacks: a frozen dataclass of options.

    The host runs each member as it would alone, scores what it delivers, and keeps the worst outcome of each query, so
    the ensemble is at least as strong as every member on every query. Queries that no member has broken are attacked
    again from random starts. The cost is the sum over all of that.

    Attributes:
        members: registered names of untargeted attacks; the first wins if outcomes are equal.
        restarts: number of tries, including the first.
        broken: margin of the headline metric: a query is broken, and not attacked again, if its score exceeds the worst
            possible one by no more than this.
    """

    members: tuple[str, ...]
    restarts: int
    broken: float

    @final
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: ARG002 - it only refuses
        """Refuses, because only the host may judge the members.

        Raises:
            ContractError: always.
        """
        raise ContractError(f"{type(self).__name__} has no perturbation of its own", hint="the host runs its members")
