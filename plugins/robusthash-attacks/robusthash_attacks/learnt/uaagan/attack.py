"""UAA-GAN, unsupervised adversarial attacks on feature-based retrieval by a generator (Zhao et al., 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from robusthash.adversary import Aim, find_aim
from robusthash.contracts import AttackBatch, AttackContext, LearningContext
from robusthash.errors import CapabilityError, OptionError
from robusthash.specs import Capability, Distance
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.drawing import DrawnAttack, attacking, learning
from robusthash_attacks.learnt.networks import NETWORKS, Network
from robusthash_attacks.learnt.uaagan.contest import Contest, Weights
from robusthash_attacks.learnt.uaagan.losses import Loss, metric_loss, own_loss
from robusthash_attacks.learnt.uaagan.sight import Condition, Sight

_LossName = Literal["own", "metric"]

_VALIDATIONS = 20  #: in a course of learning


@dataclass(frozen=True, kw_only=True)
class UAAGAN(DrawnAttack):
    """Passes each query once through a generator that has learnt to move images away from where they are.

    The generator minimises a loss of the attacked images' positions, the distance between the images, and what a
    discriminator says of their authenticity; each with a weight. No label is read.
    """

    effort = "steps"

    condition: Condition = (
        "code"  #: what the generator is shown besides the image: the query's own code or descriptor; this and the signs
        #: of a gradient; or nothing, as published
    )
    network: Network = (
        "compact"  #: compact: fewer layers, told the code by a scale and a shift of each channel, and by a pattern;
        #: published: told by a map that is drawn from it
    )
    loss: _LossName = (
        "own"  #: own: away from the own position; metric: farther from it than the nearest other image, as published
    )
    margin: float = 1.0  #: of the metric loss, between unit vectors
    metric_weight: float = 1.0  #: of the loss of positions
    reconstruction_weight: float = 0.0  #: of the Euclidean distance between images
    deception_weight: float = 0.0  #: of the discriminator's part; with 0 there is no discriminator
    steps: int = 1500  #: of the generator
    batch: int = 32  #: train images per step
    rate: float = 3e-3  #: learning rate of Adam, constant for half of the steps, then falling to nearly 0
    filters: int = 16  #: channels of the first layer of both networks
    blocks: int = 2  #: residual blocks of the generator
    patience: int = 0  #: validations, of twenty, without gain after which learning stops; 0 takes all steps

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("condition", Condition), ("network", Network), ("loss", _LossName)):
            if getattr(self, name) not in get_args(known):
                raise OptionError(f"{name}={getattr(self, name)}", hint=f"one of: {', '.join(get_args(known))}")
        for name in ("margin", "metric_weight", "reconstruction_weight", "deception_weight"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name}={getattr(self, name)}", hint="0 or more")
        if self.rate <= 0:
            raise OptionError(f"rate={self.rate}", hint="a learning rate above 0, such as 3e-3")
        for name, low in {**dict.fromkeys(("steps", "batch", "filters", "blocks"), 1), "patience": 0}.items():
            if getattr(self, name) < low:
                raise OptionError(f"{name}={getattr(self, name)}", hint=f"at least {low}")

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return frozenset({Capability.GRADIENTS, Capability.CODE_BANK})

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset(Distance)

    def fit(self, context: LearningContext) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        loss: Loss = own_loss if self.loss == "own" else partial(metric_loss, margin=self.margin)
        contest = Contest(
            context,
            sight=self._sight(context),
            draw=learning(self.bound, context.threat),
            loss=loss,
            weights=Weights(
                metric=self.metric_weight,
                reconstruction=self.reconstruction_weight,
                deception=self.deception_weight,
            ),
            network=self.network,
            filters=self.filters,
            blocks=self.blocks,
            batch=self.batch,
            rate=self.rate,
        )
        every = -(-self.steps // _VALIDATIONS)
        Course(steps=self.steps, every=every, patience=self.patience, what="generator").run(contest, context)
        return {name: part.detach() for name, part in contest.generator.state_dict().items()}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        if context.fitted is None:
            raise CapabilityError("uaa-gan needs the generator that it has learnt", hint="call `learn` first")
        clean, surrogate = batch.inputs, context.surrogate
        generator = NETWORKS[self.network].of(dict(context.fitted), (clean.shape[2], clean.shape[3]))
        own = clean.new_zeros(0)
        if self.condition != "none":
            with torch.no_grad():
                own = -find_aim(Aim.AWAY, batch, surrogate(clean), surrogate.space)
        seen = self._sight(context).of(batch.ids, clean, own)
        return attacking(self.bound, context.threat)(generator(*seen), clean)

    def _sight(self, context: LearningContext | AttackContext) -> Sight:
        return Sight(
            condition=self.condition, surrogate=context.surrogate, threat=context.threat, random=context.random
        )
