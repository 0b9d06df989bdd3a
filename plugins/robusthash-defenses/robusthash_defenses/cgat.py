"""CgAT, center-guided adversarial training (Wang, Lin and Li, WWW 2023)."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from robusthash.contracts import Objective
from robusthash.hashing import centre
from robusthash.training import AdversarialTraining, Banking, Outputs, Scene
from robusthash_defenses.inner_products import InnerProducts


@dataclass(frozen=True, kw_only=True)
class CgAT(AdversarialTraining):
    """Pushes images away from the centre code of their label, and trains the model to keep them near it.

    With the centre code c of an image's label::

        min_f  L_hash(u) - weight mean(u' c),    x' = argmin_x'  mean(tanh f(x') c)

    The inner attack uses the centre codes of the bank before the step, the loss those of the updated bank.
    """

    weight: float = 1.0  #: λ, weight of the adversarial term
    jaccard: bool = (
        True  #: weight relevant items by the labels' Jaccard similarity, as in the paper; else by 1, as released
    )

    first_codes: Literal["evaluation", "training"] = "evaluation"  #: mode of the model; training augments, too
    shared_bank: bool = False  #: one memory for binary and relaxed codes, so that centres are those of relaxed codes

    @property
    def banking(self) -> Banking:  # noqa: D102 - as in the base class
        return Banking(first_codes=self.first_codes, shared=self.shared_bank)

    def hash_objective(self, own: Objective | None) -> Objective:  # noqa: D102 - as in the base class
        return own or InnerProducts()

    def codes(self, scene: Scene) -> Tensor:
        """The centre codes."""
        banks = scene.banks
        return centre(scene.labels, banks.codes, banks.labels, jaccard=self.jaccard).to(banks.codes)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:  # noqa: D102 - the formula above
        return -self.weight * (crafted.relaxed * self.codes(scene)).mean()
