"""SAAT, semantic-aware adversarial training (Yuan, Zhang, Jiang and Chen, IEEE TIFS 2023)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Objective
from robusthash.hashing import mainstay, sign
from robusthash.training import AdversarialTraining, Banking, Outputs, Scene
from robusthash_defenses.inner_products import InnerProducts


@dataclass(frozen=True, kw_only=True)
class SAAT(AdversarialTraining):
    """Pushes images away from the mainstay code of their label, and trains the model to keep them near it.

    With the mainstay code c of an image's label::

        min_f  L_hash(u) - weight mean(u' c) + quantisation mean((u' - sgn u')^2),    x' = argmin_x'  mean(tanh f(x') c)

    The inner attack uses the mainstay codes of the bank before the step, the loss those of the updated bank.
    """

    epochs: int = 20  #: passes over the train split
    weight: float = 1.0  #: λ, weight of the adversarial term
    quantisation: float = 1e-4  #: μ, weight of the distance between the attacked images' relaxed codes and their signs
    shared_bank: bool = False  #: one memory for binary and relaxed codes, so that mainstay codes average relaxed ones

    @property
    def banking(self) -> Banking:  # noqa: D102 - as in the base class
        return Banking(shared=self.shared_bank)

    def hash_objective(self, own: Objective | None) -> Objective:  # noqa: D102 - as in the base class
        return own or InnerProducts()

    def codes(self, scene: Scene) -> Tensor:
        """The mainstay codes."""
        banks = scene.banks
        return mainstay(scene.labels, banks.codes, banks.labels).to(banks.codes)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:  # noqa: D102 - the formula above
        quantisation = (crafted.relaxed - sign(crafted.relaxed)).square().mean()
        return -self.weight * (crafted.relaxed * self.codes(scene)).mean() + self.quantisation * quantisation
