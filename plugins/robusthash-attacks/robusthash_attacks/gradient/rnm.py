"""RNM, the relaxation-norm method (Huang et al., Machines 2022, 10, 278, section 4.3)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import GradientAttack
from robusthash.hashing import sign


@dataclass(frozen=True, kw_only=True)
class RNM(GradientAttack):
    """Pulls the logits to the aim's code while a penalty keeps them near binary.

    Minimises ``alpha * ||f(x) - sgn f(x)||_p^p - <f(x), h> / K`` per sample (eq. 12), where the sign has the identity
    as its gradient (Algorithm 1, step 6).
    """

    alpha: float | None = None  #: penalty weight; none is 1/K^2. The paper's 1/K stalls bits at -1/2: see the docs
    p: float = 2.0  #: order of the norm

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        bits = logits.shape[1]
        alpha = bits**-2 if self.alpha is None else self.alpha
        penalty = (logits - sign(logits)).abs().pow(self.p).sum(1)
        return alpha * penalty - (logits * aim).sum(1) / bits
