"""FARE, unsupervised adversarial fine-tuning of a network's outputs (Schlarmann et al., ICML 2024)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from robusthash.contracts import CrossModalObjective, Objective, OptimizerName
from robusthash.errors import CapabilityError
from robusthash.training import AdversarialTraining, Outputs, Scene


@dataclass(frozen=True, kw_only=True)
class FARE(AdversarialTraining):
    """Trains a model to give attacked inputs what it gave the clean ones before. It uses no label.

    With the outputs phi of the model, and phi0 of the same model as it came, frozen::

        min_phi  max_x'  |phi(x') - phi0(x)|^2
    """

    banked: ClassVar[bool] = False
    distils: ClassVar[bool] = True
    needs_start: ClassVar[bool] = True

    keeps: Literal["features", "logits", "codes"] = "logits"  #: phi: inputs of the hash layer, logits, or their tanh
    optimizer: OptimizerName = "adam"  #: torch's optimiser of that name; released: adamw
    lr: float = 1e-3  #: initial learning rate; released, for a large network: 1e-5
    weight_decay: float = 0.0  #: L2 penalty on all parameters; with adamw, their decay; released: 1e-4

    def hash_objective(self, own: Objective | None) -> None:
        """None: what the model gave says what is right."""

    def cross_objective(self, own: CrossModalObjective | None) -> None:
        """None, as for one tower."""

    def codes(self, scene: Scene) -> Tensor:
        """What the model gave the clean inputs: (n, d) float."""
        return self._kept(scene.taught)

    def inner_loss(self, crafted: Outputs, codes: Tensor) -> Tensor:
        """Moves away from it."""
        return -(self._kept(crafted) - codes).square().sum(1)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        """The formula above, averaged over the batch.

        Raises:
            CapabilityError: features are to be kept, and the model has none.
        """
        return (self._kept(crafted) - self.codes(scene)).square().sum(1).mean()

    def _kept(self, outputs: Outputs) -> Tensor:
        match self.keeps:
            case "logits":
                return outputs.logits
            case "codes":
                return outputs.relaxed
            case "features":
                return features_of(outputs, hint="set keeps=logits")


def features_of(outputs: Outputs, *, hint: str) -> Tensor:
    """Inputs of the hash layer: (n, width) float.

    Args:
        outputs: of a tower.
        hint: what to do where it has no such layer.

    Raises:
        CapabilityError: the model is not in layers.
    """
    if outputs.features is None:
        raise CapabilityError("the model has no features before a hash layer of its own", hint=hint)
    return outputs.features
