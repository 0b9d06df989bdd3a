"""An attack on continuous descriptors: the cosine to an aim, the loss of most attacks on image retrieval."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cosine_similarity

from robusthash.adversary import GradientAttack, Start
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class DescriptorAttack(GradientAttack):
    """Minimises ``-cos(f(x), d)`` per sample, where ``d`` is the aim: the query's own descriptor negated, or a label's.

    The loss of Tolias et al., ICCV 2019 (equation 3), with the opposite sign for untargeted aims. At unit norm
    the Euclidean distance is a function of the cosine, so one loss serves both.
    """

    start: Start | str = Start.RANDOM  #: zero (its gradient may vanish), random, or an attack that learns

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset({Distance.COSINE, Distance.L2})

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return -cosine_similarity(logits, aim, dim=1)
