"""OrthoHash (Hoe, Ng, Zhang, Chan, Song and Xiang, NeurIPS 2021: One loss for all)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import normalize

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash_models.objectives.centres import Centres, random_centres, spread_centres
from robusthash_models.objectives.classification import label_cross_entropy
from robusthash_models.objectives.heads import head_of


@dataclass(frozen=True, kw_only=True)
class OrthoHash(Objective):
    """Maximises the cosine between an item's logits and its class's binary code, with a margin.

    With a fixed code ``o_c`` in {-1, +1}^K for each class, and the normalised logits u::

        L = CE(s (cos(u, o_c) - m y_c)_c, y)

    u is normalised over the batch, which keeps the bits balanced. The normalisation belongs to the network: the trainer
    folds it into the hash layer, so that the code is the sign of what the loss saw. (SAAT's code trains on the logits
    after the normalisation and retrieves with those before it.)

    The cross entropy's target is divided equally among an item's labels, and each of them has the margin.
    """

    batch_norm: ClassVar[bool] = True

    s: float = 8.0  #: s, scale of the cosines
    m: float = 0.2  #: m, margin of an item's own classes
    targets: Literal["spread", "random"] = "spread"  #: CSQ's centres, or random codes

    def head(self, *, bits: int, classes: int, seed: int) -> Centres:
        """The class codes."""
        if self.targets == "random":
            return random_centres(bits=bits, classes=classes, seed=seed, balanced=False)
        return spread_centres(bits=bits, classes=classes, seed=seed)

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - the contract's
        """The normalised logits themselves."""
        return logits

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,
        pairs: Pairs,  # noqa: ARG002 - the contract's
        step: TrainStep,
    ) -> Tensor:
        """The formula above."""
        codes = head_of(step, Centres).codes.to(relaxed.dtype)
        cosines = normalize(relaxed, dim=1) @ normalize(codes, dim=1).T
        return label_cross_entropy(self.s * (cosines - self.m * labels), labels)
