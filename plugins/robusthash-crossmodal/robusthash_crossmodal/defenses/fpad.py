"""FPAD's training, on the fuzzy prototypes of the classes (Yu et al., IEEE TCSVT 2025)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robusthash.contracts import CrossModalObjective, Objective, OptimizerName
from robusthash.errors import OptionError
from robusthash.hashing import sign
from robusthash.training import AdversarialTraining, Banks, Outputs, Scene
from robusthash_crossmodal.attacks.fpad import contrast as attack_contrast
from robusthash_crossmodal.attacks.fpad import sides
from robusthash_crossmodal.defenses.losses import adapted_share, rectification
from robusthash_crossmodal.fuzzy import class_prototypes, memberships
from robusthash_crossmodal.victims.fpad import contrast


@dataclass(frozen=True, kw_only=True)
class FPADTraining(AdversarialTraining):
    """Trains the towers of a model together to keep attacked items near the fuzzy prototypes of their classes.

    The prototypes A are the signs of fuzzy c-means over the codes of the train split by all towers, before the
    training. With the contrast ``l(u)`` of codes to the prototypes of their own classes and of the others::

        min_f  l(u) + weight l(u') + rectification l_cons(u'),    x' by FPAD's attack

    summed over the towers. Where the last attack on the items of a batch fooled most of them, the next one is weaker.
    """

    epochs: int = 12  #: passes over the train split
    batch_size: int = 64  #: items per step
    optimizer: OptimizerName = "adam"  #: torch's optimiser of that name; released: sgd
    lr: float = 0.001  #: initial learning rate
    weight_decay: float = 0.0  #: L2 penalty on all parameters; released: 5e-4
    ramp: float = 0.5  #: share of the epochs in which the radius grows from 0; at once, codes become constant
    weight: float = 1.0  #: α, weight of the attacked items; released: 0.5
    temperature: float = 20.0  #: τ of the contrasts
    fuzziness: float = 1.01  #: m of the fuzzy c-means; at 1 an item belongs to one class alone
    adaptive: bool = True  #: weaken the attack on items that the last one fooled
    rectification: float = 1.0  #: weight of the prototypes' drift

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0 or self.fuzziness < 1 or min(self.weight, self.rectification) < 0:
            raise OptionError(
                f"temperature={self.temperature}, fuzziness={self.fuzziness}, weight={self.weight}, "
                f"rectification={self.rectification}",
                hint="above 0, at least 1, and not negative",
            )

    def hash_objective(self, own: Objective | None) -> None:
        """None: clean items have the same contrast."""

    def cross_objective(self, own: CrossModalObjective | None) -> None:
        """None: clean items have the same contrast."""

    def head(self, *, bits: int, classes: int, seed: int) -> "Prototypes":  # noqa: ARG002 - nothing is drawn
        """The prototypes, and what is known of the items."""
        return Prototypes(classes, bits)

    def prepare(self, head: nn.Module | None, banks: Banks) -> None:
        """Learns the prototypes."""
        known = _prototypes(head)
        known.codes = class_prototypes(banks.codes, banks.labels, m=self.fuzziness).to(banks.codes)
        known.memberships = memberships(banks.codes, known.codes[known.codes.any(1)], self.fuzziness).to(banks.codes)
        known.crafted = torch.zeros_like(banks.codes)

    def share(self, scene: Scene) -> float:
        """The ramp's share, by the outcome of the items' last attack once all of them have had one."""
        ramp, known = super().share(scene), _prototypes(scene.head)
        last = known.crafted[scene.rows]
        if not self.adaptive or not last.any(1).all():
            return ramp
        return ramp * adapted_share(last, known.codes, scene.labels, modality=scene.modality)

    def codes(self, scene: Scene) -> Tensor:
        """The mean of the other classes' prototypes, and then the own ones: (n, 1 + most, bits)."""
        mean, own = sides(scene.labels, _prototypes(scene.head).codes)
        return torch.cat([mean[:, None], own], dim=1)

    def inner_loss(self, crafted: Outputs, codes: Tensor) -> Tensor:
        """The attack's contrast; of an unlabelled item it is 0."""
        return attack_contrast(crafted.relaxed, codes[:, 0], codes[:, 1:], self.temperature)

    def clean_loss(self, clean: Outputs, scene: Scene) -> Tensor:
        """The contrast of the items as they are."""
        codes = _prototypes(scene.head).codes
        known = codes.any(1)
        return contrast(clean.relaxed, codes[known], scene.labels[:, known], tau=self.temperature)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        """The contrast of the attacked items, and how far the prototypes have moved."""
        known = _prototypes(scene.head)
        known.crafted[scene.rows] = sign(crafted.logits.detach())
        loss = self.weight * self.clean_loss(crafted, scene)
        if not self.rectification:
            return loss
        drift = rectification(
            crafted.relaxed,
            scene.banks.relaxed[scene.rows],
            known.codes[known.codes.any(1)],
            known.memberships[scene.rows],
            temperature=self.temperature,
            m=self.fuzziness,
        )
        return loss + self.rectification * drift


class Prototypes(nn.Module):
    """What FPAD's training keeps: buffers alone.

    Attributes:
        codes: (classes, bits) float, A; zeros for a class without items.
        memberships: (rows, known classes) float, of the train items before the training, by each tower.
        crafted: (rows, bits) float, codes of their last adversarial versions; zeros before the first.

    Args:
        classes: number of labels.
        bits: code length K.
    """

    codes: Tensor
    memberships: Tensor
    crafted: Tensor

    def __init__(self, classes: int, bits: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(classes, bits))
        self.register_buffer("memberships", torch.empty(0))
        self.register_buffer("crafted", torch.empty(0, bits))


def _prototypes(head: nn.Module | None) -> Prototypes:
    if not isinstance(head, Prototypes):
        raise TypeError(f"the head is a {type(head).__name__}, not Prototypes")
    return head
