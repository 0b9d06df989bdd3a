"""Attacks with one pattern for all queries, or for all queries with a target label, learnt on the train split."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from robusthash.adversary import Aim, Aimed
from robusthash.contracts import AttackBatch, AttackContext, LearningContext, Modality, Randomness, Threat
from robusthash.errors import CapabilityError, OptionError
from robusthash.specs import Capability, Distance, Goal
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.losses import LOSSES
from robusthash_attacks.learnt.search import PatternSearch
from robusthash_attacks.learnt.targets import TargetCodes

_AIMS = (Aim.AWAY, Aim.TO_MAINSTAY, Aim.TO_CENTRE)
_PATTERNS = "patterns"
_EVERY = 10  #: steps of each pattern between two validations


@dataclass(frozen=True, kw_only=True)
class Universal(Aimed):
    """Minimises the mean loss of train images with one pattern, by Adam from a random start.

    After each step, the pattern is clipped to its limits. Of the patterns met, the one with the lowest loss on a part
    of the train split that takes no steps is kept. A query costs no pass. Targeted, there is a pattern for each of the
    most frequent label vectors of the train split, learnt on images that share no label with it; a target that is none
    of them gets the pattern whose code is nearest to its own.
    """

    effort = "steps"

    aim: Aim = Aim.AWAY  #: the code to reach; one of away, to-mainstay, to-centre
    loss: Literal["hinge", "triplet"] | None = (
        None  #: hinge: on each logit; triplet: nearer to the aim than to the clean output; none is triplet, or hinge
        #: if it is targeted
    )
    steps: int = 150  #: of Adam, for each pattern, at most
    batch: int = 64  #: train images per step
    rate: float = 0.1  #: learning rate of Adam, as a share of half the range of the pattern's elements
    patience: int = 5  #: validations, one every ten steps, without gain after which learning stops; 0 takes all steps
    labels: int = 32  #: label vectors that a targeted attack learns a pattern for, at most

    def __post_init__(self) -> None:
        if self.aim not in _AIMS:
            raise OptionError(f"aim={self.aim}", hint=f"one of: {', '.join(_AIMS)}")
        if self.loss is not None and self.loss not in LOSSES:
            raise OptionError(f"loss={self.loss}", hint=f"one of: {', '.join(LOSSES)}")
        if self.rate <= 0:
            raise OptionError(f"rate={self.rate}", hint="a share above 0, such as 0.1")
        for name, least in (("steps", 1), ("batch", 1), ("labels", 1), ("patience", 0)):
            if getattr(self, name) < least:
                raise OptionError(f"{name}={getattr(self, name)}", hint=f"at least {least}")

    @abstractmethod
    def shape(self, modality: Modality) -> tuple[int, ...]:
        """The shape of a pattern for inputs of a modality."""

    @abstractmethod
    def limits(self, threat: Threat, elements: int) -> tuple[float, float]:
        """The range of a pattern's elements.

        Args:
            threat: the ball and the box.
            elements: number of an input's elements.
        """

    @abstractmethod
    def apply(self, clean: Tensor, patterns: Tensor, threat: Threat, drawn: Mapping[str, Tensor]) -> Tensor:
        r"""Puts a pattern on each input; differentiable in the patterns.

        Args:
            clean: (n, \*modality.shape) float, in the box.
            patterns: (n, \*shape) float, within the limits.
            threat: the ball and the box.
            drawn: what :meth:`draw` returned.
        """

    def draw(self, random: Randomness) -> Mapping[str, Tensor]:  # noqa: ARG002 - for subclasses
        """What is drawn once, before learning, and stored beside the patterns: by default nothing."""
        return {}

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return super().needs | {Capability.CODE_BANK}

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset({Distance.HAMMING}) if self.aim is Aim.TO_MAINSTAY else frozenset(Distance)

    def fit(self, context: LearningContext) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        targeted = self.goal is Goal.TARGETED
        codes = TargetCodes.most_frequent(self.aim, context, self.labels) if targeted else None
        loss = LOSSES[self.loss or ("hinge" if targeted else "triplet")]
        drawn = {name: part.to(context.device) for name, part in self.draw(context.random.derived("drawn")).items()}
        search = PatternSearch(self, loss, context, codes, drawn)
        count = len(search.patterns)
        course = Course(
            steps=self.steps * count, every=_EVERY * count, patience=self.patience, what="universal pattern"
        )
        course.run(search, context)
        found = {**drawn, _PATTERNS: torch.stack([pattern.detach() for pattern in search.patterns])}
        return found if codes is None else found | codes.tensors()

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        if context.fitted is None:
            raise CapabilityError(f"{type(self).__name__} needs what it has learnt", hint="call `learn` first")
        chosen = torch.zeros(len(batch.inputs), dtype=torch.int64, device=batch.inputs.device)
        if self.goal is Goal.TARGETED:
            chosen = TargetCodes.of(context.fitted).nearest(self.aim, batch, context)
        patterns = context.fitted[_PATTERNS][chosen]
        return self.apply(batch.inputs, patterns, context.threat, context.fitted)
