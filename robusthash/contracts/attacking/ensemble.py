"""What an ensemble of attacks is: several attacks, of which each query gets the one that hurts it most."""

from typing import final

from torch import Tensor

from robusthash.contracts.attacking.attack import Attack, AttackBatch, AttackContext
from robusthash.errors import ContractError


class Ensemble(Attack):
    """Several registered attacks: a frozen dataclass of options.

    The host runs each member as it would alone, scores what it delivers, and keeps the worst outcome of each query: the
    ensemble is at least as strong as every member on every query. Queries that no member has broken are then attacked
    again, from random starts. It costs what all of that costs together.

    Attributes:
        members: registered names of the attacks, untargeted ones; of equal outcomes the first is kept.
        restarts: tries, the first included.
        broken: of the headline metric: a query whose score is no farther from the worst possible is not tried again.
    """

    members: tuple[str, ...]
    restarts: int
    broken: float

    @final
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: ARG002 - it has no way of its own
        """Refuses: only the host can judge the members.

        Raises:
            ContractError: always.
        """
        raise ContractError(f"{type(self).__name__} has no perturbation of its own", hint="the host runs its members")
