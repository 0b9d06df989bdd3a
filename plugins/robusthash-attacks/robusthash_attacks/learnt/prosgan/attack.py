"""ProS-GAN, the prototype-supervised adversarial network (Wang et al., CVPR 2021)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from robusthash.adversary import Aim, find_aim
from robusthash.contracts import AttackBatch, AttackContext, CodeBank, LearningContext, Space, Surrogate
from robusthash.errors import CapabilityError, OptionError
from robusthash.specs import Capability, Goal
from robusthash.training import prefixed, under
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.drawing import Draw, DrawnAttack, attacking, learning
from robusthash_attacks.learnt.networks import NETWORKS, Network
from robusthash_attacks.learnt.prosgan.drawer import Drawer, Guide, HashLoss
from robusthash_attacks.learnt.prosgan.duel import Duel, Weights
from robusthash_attacks.learnt.prosgan.losses import adaptive_loss, mean_loss
from robusthash_attacks.learnt.prosgan.prototypes import LOSSES, PrototypeNet, PrototypeSearch, conditions
from robusthash_attacks.learnt.targets import unseen

_GENERATOR, _PROTOTYPES = "generator", "prototypes"
_VALIDATIONS = 20  #: in a course of learning
_HASH_LOSSES: dict[str, HashLoss] = {"mean": mean_loss, "adaptive": adaptive_loss}


@dataclass(frozen=True, kw_only=True)
class ProsGAN(DrawnAttack):
    """Passes each query once through a generator that is told a representation of its target label.

    The generator minimises the distance of its images' outputs from the target's prototype code, the reconstruction
    error, and what a discriminator says of labels and authenticity; each with a weight. As published it draws a whole
    image and has no bound.
    """

    effort = "steps"

    prototype: Literal["mainstay", "circle", "likelihood"] = (
        "mainstay"  #: the target's code: a PrototypeNet's, learnt by the likelihood (CVPR) or the circle loss (TMM); or
        #: the mainstay code, in closed form
    )
    network: Network = (
        "compact"  #: compact: fewer layers, told the target by a scale and a shift of each channel, and by a pattern;
        #: published: told by a map that is drawn from it
    )
    guide: Guide = (
        "none"  #: gradient: the generator is also shown the signs of the surrogate's gradient at the query, for one
        #: pass forward and backward
    )
    hash_loss: Literal["mean", "adaptive"] = "mean"  #: mean: linear in tanh(f) h (CVPR); adaptive: quadratic (TMM)
    hash_weight: float = 5.0  #: of the hash loss
    reconstruction_weight: float = 0.0  #: of the mean squared error between images in [-1, 1]
    deception_weight: float = 0.0  #: of the discriminator's part; with 0 there is no discriminator
    steps: int = 1500  #: of the generator
    batch: int = 32  #: train images per step
    rate: float = 3e-3  #: learning rate of Adam, constant for half of the steps, then falling to nearly 0
    filters: int = 16  #: channels of the first layer of both networks; published 64
    blocks: int = 2  #: residual blocks of the generator; published 6
    patience: int = 0  #: validations, of twenty, without gain after which learning stops; 0 takes all steps
    prototype_steps: int = 3000  #: of a PrototypeNet
    prototype_width: int = 1024  #: of its first layer; published 4,096
    unseen: float = 0.0  #: share of the label vectors that are no targets while it learns, to measure it on these

    def __post_init__(self) -> None:
        super().__post_init__()
        choices = {
            "prototype": ("mainstay", *LOSSES),
            "network": NETWORKS,
            "guide": get_args(Guide),
            "hash_loss": _HASH_LOSSES,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise OptionError(f"{name}={getattr(self, name)}", hint=f"one of: {', '.join(known)}")
        for name in ("hash_weight", "reconstruction_weight", "deception_weight"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name}={getattr(self, name)}", hint="0 or more")
        if not 0 <= self.unseen < 1:
            raise OptionError(f"unseen={self.unseen}", hint="a share from 0 to below 1")
        if self.rate <= 0:
            raise OptionError(f"rate={self.rate}", hint="a learning rate above 0, such as 1e-3")
        least = dict.fromkeys(("steps", "batch", "filters", "blocks", "prototype_steps", "prototype_width"), 1)
        for name, low in {**least, "patience": 0}.items():
            if getattr(self, name) < low:
                raise OptionError(f"{name}={getattr(self, name)}", hint=f"at least {low}")

    @property
    def goal(self) -> Goal:  # noqa: D102 - as in the base class
        return Goal.TARGETED

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return frozenset({Capability.GRADIENTS, Capability.CODE_BANK})

    def fit(self, context: LearningContext) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        labels = torch.unique(context.bank.labels, dim=0)
        labels = labels[labels.bool().any(1)]
        if not len(labels):
            raise CapabilityError("no item of the train split has a label", hint="use an untargeted attack")
        labels = labels[~unseen(labels, self.unseen, context.random.seed)]
        if not len(labels):
            raise CapabilityError(
                f"no label vector of the train split is left to learn from, with unseen={self.unseen}",
                hint="lower the share",
            )
        prototypes = self._prototypes(context, labels)
        condition, codes = _represented(labels, prototypes, context.surrogate.space, context.bank)
        weights = Weights(
            hash=self.hash_weight, reconstruction=self.reconstruction_weight, deception=self.deception_weight
        )
        duel = Duel(
            context,
            labels.float(),
            condition,
            codes,
            drawer=self._drawer(context.surrogate, learning(self.bound, context.threat)),
            weights=weights,
            network=self.network,
            filters=self.filters,
            blocks=self.blocks,
            batch=self.batch,
            rate=self.rate,
        )
        _course(self.steps, self.patience, "generator").run(duel, _stage(context, "generator"))
        learnt = {name: part.detach() for name, part in duel.generator.state_dict().items()}
        return prefixed(_GENERATOR, learnt) | prefixed(_PROTOTYPES, prototypes)

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        if context.fitted is None or batch.targets is None or context.bank is None:
            raise CapabilityError(
                "prosgan needs target labels, the code bank and the generator that it has learnt",
                hint="call `learn` first",
            )
        clean, (labels, which) = batch.inputs, torch.unique(batch.targets, dim=0, return_inverse=True)
        state, prototypes = under(_GENERATOR, context.fitted), under(_PROTOTYPES, context.fitted)
        generator = NETWORKS[self.network].of(state, (clean.shape[2], clean.shape[3]))
        condition, codes = _represented(labels, prototypes, context.surrogate.space, context.bank)
        drawer = self._drawer(context.surrogate, attacking(self.bound, context.threat))
        return drawer(generator, clean, condition[which], codes[which])

    def _drawer(self, surrogate: Surrogate, draw: Draw) -> Drawer:
        return Drawer(surrogate=surrogate, guide=self.guide, loss=_HASH_LOSSES[self.hash_loss], draw=draw)

    def _prototypes(self, context: LearningContext, labels: Tensor) -> dict[str, Tensor]:
        """The state of a PrototypeNet; empty if the code has a closed form."""
        if self.prototype == "mainstay":
            return {}
        search = PrototypeSearch(
            context.bank,
            labels,
            loss=LOSSES[self.prototype],
            width=self.prototype_width,
            random=context.random.derived("prototypes"),
        )
        _course(self.prototype_steps, 0, "prototype network").run(search, _stage(context, "prototypes"))
        return {name: part.detach() for name, part in search.network.state_dict().items()}


def _represented(labels: Tensor, prototypes: dict[str, Tensor], space: Space, bank: CodeBank) -> tuple[Tensor, Tensor]:
    """The condition (n, d) and the code (n, bits) in {-1, +1} of label vectors (n, classes).

    Without a PrototypeNet, the mainstay code is both.
    """
    if prototypes:
        return conditions(PrototypeNet.of(prototypes), labels)
    batch = AttackBatch(inputs=labels, ids=torch.arange(len(labels)), targets=labels)
    blank = torch.zeros(len(labels), bank.codes.shape[1], device=labels.device)
    code = find_aim(Aim.TO_MAINSTAY, batch, blank, space, bank)
    return code, code


def _course(steps: int, patience: int, what: str) -> Course:
    return Course(steps=steps, every=-(-steps // _VALIDATIONS), patience=patience, what=what)


def _stage(context: LearningContext, name: str) -> LearningContext:
    """The context of one of the two courses, with snapshots of its own."""
    return replace(context, snapshots=context.snapshots.part(name) if context.snapshots else None)
