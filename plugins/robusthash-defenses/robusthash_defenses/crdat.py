"""CRDAT: a student that learns attacked images from a clean teacher alone (Zhu et al., SIGIR 2025)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robusthash.contracts import CrossModalObjective, Objective
from robusthash.errors import OptionError
from robusthash.hashing import sign
from robusthash.training import AdversarialTraining, Outputs, Scene, divergence
from robusthash_defenses.fare import features_of


@dataclass(frozen=True, kw_only=True)
class CRDAT(AdversarialTraining):
    """Pushes images away from the codes that a teacher gives them, and trains the model to have the teacher's outputs.

    The teacher is the model as it came, frozen. With its codes b = sgn f0(x), relaxed codes u0 and features h0 of the
    clean images, and the features h' of the attacked ones::

        min_f  weight D(u0, u') + features |h' - h0|^2 / |h0|^2,    x' = argmin_x'  mean(tanh f(x') b)

    where D is the divergence of Kullback and Leibler between relaxed bits. No label is used.
    """

    banked: ClassVar[bool] = False
    distils: ClassVar[bool] = True

    weight: float = 1.0  #: of the teacher's codes
    features: float = 10.0  #: weight of the teacher's features, for models in layers alone

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.weight >= 0 and self.features >= 0 and self.weight + self.features > 0):
            raise OptionError(
                f"weight={self.weight}, features={self.features}", hint="neither negative, and one of them positive"
            )

    def hash_objective(self, own: Objective | None) -> None:
        """None: the teacher alone says what is right."""

    def cross_objective(self, own: CrossModalObjective | None) -> None:
        """None, as for one tower."""

    def codes(self, scene: Scene) -> Tensor:
        """The teacher's codes."""
        return sign(scene.taught.logits)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        """The formula above, averaged over the batch.

        Raises:
            CapabilityError: features are weighted, and the model has none.
        """
        taught = scene.taught
        loss = self.weight * divergence(taught.logits, crafted.logits).mean()
        if not self.features:
            return loss
        ours, theirs = (features_of(one, hint="set features=0") for one in (crafted, taught))
        return loss + self.features * misplaced(ours, theirs).mean()


def misplaced(features: Tensor, wanted: Tensor) -> Tensor:
    """Squared distance of features from those wanted, as a share of their squared length: (n, d) float to (n,).

    >>> import torch
    >>> misplaced(torch.tensor([[3.0, 3.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([0.0400])
    """
    return (features - wanted).square().sum(1) / wanted.square().sum(1).clamp_min(1e-12)
