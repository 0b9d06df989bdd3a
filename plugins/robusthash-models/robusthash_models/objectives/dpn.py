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
    """Pushes each bit to its target's side by a margin.

    With a target t in {-1, +1}^K for each class::

        L = mean max(0, m - u t)

    A bit beyond the margin has no gradient; with ``u = tanh f(x)``, as in one repository, no bit gets there. The target
    of an item with several labels is the bitwise majority of theirs, as in CSQ.
    """

    m: float = 1.0  #: m, the margin
    relaxation: Literal["tanh", "identity"] = "identity"  #: u: tanh of the logits, or the logits themselves
    targets: Literal["spread", "random"] = "spread"  #: CSQ's centres, or balanced random codes

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
