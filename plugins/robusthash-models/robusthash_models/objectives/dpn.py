"""DPN, deep polarized network (Fan, Ng, Ju, Zhang and Chan, IJCAI 2020)."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from robusthash.contracts import Pairs, TrainStep
from robusthash_models.objectives.centres import Centres, random_centres, spread_centres
from robusthash_models.objectives.heads import head_of
from robusthash_models.objectives.relaxed import Relaxed


@dataclass(frozen=True, kw_only=True)
class DPN(Relaxed):
    """Pushes each bit a margin to its target's side.

    With a target t in {-1, +1}^K for each class::

        L = mean max(0, m - u t)

    A bit that is beyond the margin is left alone; ``u = tanh f(x)``, as one repository has it, never gets there.
    An item with several labels has the majority of their targets, as in CSQ.
    """

    m: float = 1.0  #: m, the margin
    relaxation: Literal["tanh", "identity"] = "identity"  #: u: of the logits, their tanh or themselves
    targets: Literal["spread", "random"] = "spread"  #: CSQ's centres, or balanced random codes however near each other

    def head(self, *, bits: int, classes: int, seed: int) -> Centres:
        """The target vectors."""
        if self.targets == "random":
            return random_centres(bits=bits, classes=classes, seed=seed, balanced=True)
        return spread_centres(bits=bits, classes=classes, seed=seed)

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,
        pairs: Pairs,  # noqa: ARG002 - the contract's
        step: TrainStep,
    ) -> Tensor:
        """The formula above."""
        targets: Tensor = head_of(step, Centres)(labels)
        return (self.m - relaxed * targets).clamp(min=0).mean()
