"""A universal adversarial perturbation: one for all queries (Li et al., ICCV 2019, on retrieval)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from robusthash.adversary import Aim
from robusthash.contracts import Attack, AttackBatch, AttackContext, LearningContext
from robusthash.errors import CapabilityError, OptionError
from robusthash.specs import Capability, Distance, Goal
from robusthash.training import optimizer_state, restore_optimizer
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.examples import Examples
from robusthash_attacks.learnt.losses import LOSSES, Loss
from robusthash_attacks.learnt.targets import TargetCodes

_DELTA, _ADAM = "delta.", "adam."
_AIMS = (Aim.AWAY, Aim.TO_MAINSTAY, Aim.TO_CENTRE)


@dataclass(frozen=True, kw_only=True)
class UAP(Attack):
    """One perturbation for all queries, or for all queries with a target label, learnt on the train split.

    Minimises the mean loss of ``f(x + v)`` over train images by steps of Adam on ``v`` from a random start; after each
    step ``v`` is clipped to the ball. A query is perturbed without a pass through a model. Targeted, there is one for
    each of the most frequent label vectors of the train split; a target that is none of them gets the perturbation
    whose code is nearest to its own.
    """

    effort = "steps"

    aim: Aim = Aim.AWAY  #: the code to reach; one of away, to-mainstay, to-centre
    loss: Literal["hinge", "triplet"] = (
        "hinge"  #: hinge on the logits; triplet: nearer to the aim than to the clean output
    )
    steps: int = 150  #: of Adam, for each perturbation
    batch: int = 64  #: train images per step
    rate: float = 0.1  #: learning rate of Adam, as a share of the radius
    patience: int = 5  #: validations, one every ten steps, without gain after which learning stops; 0 takes all steps
    labels: int = 32  #: perturbations of a targeted attack, at most

    def __post_init__(self) -> None:
        if self.aim not in _AIMS:
            raise OptionError(f"aim={self.aim}", hint=f"one of: {', '.join(_AIMS)}")
        if self.rate <= 0:
            raise OptionError(f"rate={self.rate}", hint="a share of the radius above 0, such as 0.1")
        for name in ("steps", "batch", "labels"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name}={getattr(self, name)}", hint="at least 1")

    @property
    def goal(self) -> Goal:  # noqa: D102 - as in the base class
        return self.aim.goal

    @property
    def needs(self) -> frozenset[Capability]:  # noqa: D102 - as in the base class
        return self.aim.needs | {Capability.GRADIENTS, Capability.CODE_BANK}

    @property
    def distances(self) -> frozenset[Distance]:  # noqa: D102 - as in the base class
        return frozenset(Distance) if self.aim is not Aim.TO_MAINSTAY else frozenset({Distance.HAMMING})

    def fit(self, context: LearningContext) -> Mapping[str, Tensor]:  # noqa: D102 - as in the base class
        codes = TargetCodes.most_frequent(self.aim, context, self.labels) if self.goal is Goal.TARGETED else None
        search = _Search(self, context, codes)
        Course(
            steps=self.steps * len(search.deltas),
            every=10 * len(search.deltas),
            patience=self.patience,
            what="universal perturbation",
        ).run(search, context)
        found = {"perturbation": torch.stack([delta.detach() for delta in search.deltas])}
        return found if codes is None else found | codes.tensors()

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:  # noqa: D102 - as in the base class
        if context.fitted is None:
            raise CapabilityError("uap needs the perturbation that it has learnt", hint="call `learn` first")
        perturbations = context.fitted["perturbation"]
        chosen = torch.zeros(len(batch.inputs), dtype=torch.int64, device=batch.inputs.device)
        if self.goal is Goal.TARGETED:
            chosen = TargetCodes.of(context.fitted).nearest(self.aim, batch, context)
        return context.threat.project(batch.inputs + perturbations[chosen], batch.inputs)


class _Search:
    """The perturbations while they are learnt: a :class:`~robusthash_attacks.learnt.course.Learner`.

    Args:
        options: of the attack.
        context: what it may know.
        codes: the codes to reach, one per perturbation; None is away from each image's own.
    """

    def __init__(self, options: UAP, context: LearningContext, codes: TargetCodes | None) -> None:
        self._surrogate, self._threat, self._bank = context.surrogate, context.threat, context.bank
        self._loss: Loss = LOSSES[options.loss]
        self._batch, self._codes = options.batch, codes
        learnt, validating = Examples.split(context)
        labels = [] if codes is None else list(codes.labels)
        self._learnt = [learnt.without(label) for label in labels] or [learnt]
        self._validating = [validating.without(label) for label in labels] or [validating]
        shape = context.surrogate.modality.shape
        start = context.random.derived("start").uniform(torch.arange(len(self._learnt)), shape).to(context.device)
        self.deltas = [one.clone().requires_grad_() for one in (2 * start - 1) * self._threat.radius]
        self._optimiser = torch.optim.Adam(self.deltas, lr=options.rate * self._threat.radius)

    def step(self, step: int, progress: float) -> Mapping[str, float]:  # noqa: ARG002 - as in the protocol
        index = step % len(self.deltas)
        examples, delta = self._learnt[index], self.deltas[index]
        with torch.enable_grad():
            losses = self._losses(examples, examples.batch(step, self._batch), index)
            self._optimiser.zero_grad()
            losses.mean().backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._optimiser.step()
        with torch.no_grad():
            delta.clamp_(-self._threat.radius, self._threat.radius)
        return {"loss": float(losses.detach().mean())}

    @torch.no_grad()
    def validate(self) -> float:
        losses = [
            self._losses(examples, part, index)
            for index, examples in enumerate(self._validating)
            for part in examples.parts(self._batch)
        ]
        return float(torch.cat(losses).mean())

    def state(self) -> dict[str, Tensor]:
        moments, _ = optimizer_state(self._optimiser)
        return {
            **{f"{_DELTA}{i}": delta.detach() for i, delta in enumerate(self.deltas)},
            **{f"{_ADAM}{name}": tensor for name, tensor in moments.items()},
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for i, delta in enumerate(self.deltas):
                delta.copy_(state[f"{_DELTA}{i}"])
        moments = {name.removeprefix(_ADAM): part for name, part in state.items() if name.startswith(_ADAM)}
        restore_optimizer(self._optimiser, moments, {})

    def _losses(self, examples: Examples, rows: np.ndarray, index: int) -> Tensor:
        clean = examples.inputs(rows)
        own = self._bank.codes[torch.from_numpy(rows).to(clean.device)].float()
        aim = -own if self._codes is None else self._codes.codes[index].expand_as(own)
        return self._loss(self._surrogate(self._threat.project(clean + self.deltas[index], clean)), aim, own)
