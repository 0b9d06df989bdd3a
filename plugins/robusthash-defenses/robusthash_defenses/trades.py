"""TRADES for hash codes: the consistency of clean and attacked codes (after Zhang et al., ICML 2019)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robusthash.contracts import Objective
from robusthash.errors import OptionError
from robusthash.training import AdversarialTraining, Outputs, Scene, divergence
from robusthash_defenses.inner_products import InnerProducts


@dataclass(frozen=True, kw_only=True)
class TRADES(AdversarialTraining):
    """Pushes images to where their codes diverge most from the clean ones, and trains the model to keep them alike.

    With the divergence D of Kullback and Leibler between relaxed bits, in place of that between class probabilities::

        min_f  L_hash(u) + weight D(u, u'),    x' = argmax_x'  D(u, tanh f(x'))
    """

    banked: ClassVar[bool] = False
    needs_start: ClassVar[bool] = True

    weight: float = 1.0  #: β, weight of the divergence

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weight > 0:
            raise OptionError(f"weight={self.weight}", hint="it must be positive")

    def hash_objective(self, own: Objective | None) -> Objective:  # noqa: D102 - as in the base class
        return own or InnerProducts()

    def codes(self, scene: Scene) -> Tensor:
        """The clean logits."""
        return scene.clean.logits

    def inner_loss(self, crafted: Outputs, codes: Tensor) -> Tensor:
        """Moves away from the clean codes."""
        return -divergence(codes, crafted.logits)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:  # noqa: D102 - the formula above
        return self.weight * divergence(scene.clean.logits, crafted.logits).mean()
