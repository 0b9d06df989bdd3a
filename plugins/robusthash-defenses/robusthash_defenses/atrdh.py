"""ATRDH, adversarial training with learnt prototypes (Wang, Zhang, Lu and Xu, SIGIR 2021)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robusthash.contracts import Objective, OptimizerName, Randomness
from robusthash.errors import ContractError, OptionError, UsageError
from robusthash.hashing import sign
from robusthash.training import AdversarialTraining, Outputs, PrototypeNetwork, Scene, prototype_loss, share_label
from robusthash_defenses.inner_products import InnerProducts, misfit


@dataclass(frozen=True, kw_only=True)
class ATRDH(AdversarialTraining):
    """Pulls images to the codes of other labels, and trains the model to keep the similarities of the attacked images.

    A prototype network g, trained jointly with the model, learns a code for each label vector. With a random label
    vector t for each image, and the relaxed codes U_j of the train split::

        min_f  L_hash(u) + weight sum_ij (<u'_i, U_j> / K - (2 s_ij - 1))^2 / (N B),
        x' = argmax_x'  mean(tanh f(x') sgn g(t))
    """

    optimizer: OptimizerName = "adam"  #: torch's optimiser of that name
    lr: float = 1e-3  #: initial learning rate, of the model and of the prototype network
    weight_decay: float = 0.0  #: L2 penalty on all parameters
    weight: float = 1.0  #: of the adversarial term
    width: int | None = None  #: of the first hidden layer of the prototype network; none is 64 per class, up to 4096

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width is not None and self.width < 1:
            raise OptionError(f"width={self.width}", hint="it must be at least 1")

    def hash_objective(self, own: Objective | None) -> Objective:  # noqa: D102 - as in the base class
        return own or InnerProducts()

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module:
        """The prototype network."""
        random = Randomness(seed=seed, purpose="atrdh-prototypes")
        return PrototypeNetwork(classes, self.width or min(64 * classes, 4096), bits, random=random)

    def codes(self, scene: Scene) -> Tensor:
        """The prototype codes of random label vectors."""
        return sign(_prototypes(scene, _targets(scene)))

    def inner_loss(self, crafted: Outputs, codes: Tensor) -> Tensor:
        """Moves to the code."""
        return -(crafted.relaxed * codes).mean(1)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        """The formula above, and the prototype network's loss, whose gradient reaches only that network."""
        banks, targets = scene.banks, _targets(scene)
        learnt = prototype_loss(_prototypes(scene, targets), banks.codes, share_label(targets, banks.labels) > 0)
        return self.weight * misfit(crafted.relaxed, banks.relaxed, share_label(scene.labels, banks.labels)) + learnt


def _targets(scene: Scene) -> Tensor:
    """A random label vector of the train split for each image, the same in each call within a step: (n, classes)."""
    pool = scene.banks.distinct
    if not len(pool):
        raise UsageError("no image of the train split has a label, which atrdh needs", hint="harden with saat")
    draw = scene.random.derived("targets").generator(scene.step.iteration)
    rows = torch.from_numpy(draw.integers(len(pool), size=len(scene.labels)))
    return pool[rows.to(pool.device)]


def _prototypes(scene: Scene, targets: Tensor) -> Tensor:
    if scene.head is None:
        raise ContractError("atrdh needs its prototype network as scene.head", hint="use the loss that `step` returns")
    found: Tensor = scene.head(targets)
    return found
