"""Ensembles: several attacks, of which the host keeps the strongest outcome for each query."""

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor

from robusthash.contracts.attacking.attack import Attack, AttackBatch, AttackContext
from robusthash.errors import ContractError


class Ensemble(Attack):
    """Several registered attacks: a frozen dataclass of options.

    The host runs the members in their order, scores what each delivers by the headline metric, and keeps the strongest
    outcome of each query: the lowest score, or of a targeted ensemble the highest by the target labels. A query is
    broken once its score is as strong as possible, up to a margin; it is not attacked again. Queries that no member has
    broken are attacked again from random starts. A member that :attr:`~Attack.refines` starts at the strongest outcome
    so far instead, in every try. The cost is the sum over all of that.

    So on every query the ensemble is at least as strong as every member that starts by itself, up to that margin.

    Attributes:
        members: registered names of attacks with the ensemble's own goal; the first wins if outcomes are equal.
        restarts: number of tries, including the first.
        broken: margin of the headline metric: a query is broken if its score differs from the strongest possible one
            by no more than this.
        sparing: whether members leave alone what earlier ones have broken. If not, each attacks all queries in the
            first try, and in a further one all that were not broken before it.
    """

    members: tuple[str, ...]
    restarts: int
    broken: float
    sparing: bool = True

    def given(self, member: str) -> Mapping[str, Any]:  # noqa: ARG002 - for subclasses
        """Options that the ensemble gives to a member, if it has them. What the run gives to the member replaces them.

        Args:
            member: its registered name.
        """
        return {}

    @final
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: ARG002 - it only refuses
        """Refuses, because only the host may judge the members.

        Raises:
            ContractError: always.
        """
        raise ContractError(f"{type(self).__name__} has no perturbation of its own", hint="the host runs its members")
