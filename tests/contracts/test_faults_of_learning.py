"""Seeded faults of attacks that learn: the contract sees each, and nothing in the sound one that they are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import Attack, AttackBatch, AttackContext, LearningContext
from robusthash.hashing import sign
from robusthash.specs import Capability
from robusthash.testing import AttackContract
from robusthash.testing.faults import faulty


@dataclass(frozen=True, kw_only=True)
class Good(Attack):
    """A sound universal perturbation with momentum, to be spoilt below: snapshots, epochs, pictures, and all."""

    steps: int = 6  #: gradient steps
    share: float = 1.0  #: of the perturbation that is used

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability.GRADIENTS})

    @property
    def learnt_from(self) -> frozenset[str]:
        return frozenset({"steps"})

    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        view = context.train.view(context.surrogate.modality.name)
        images = view.inputs(range(len(view)))
        clean = sign(context.surrogate(images).detach())
        done, state = self.resumed(
            context, {"delta": torch.zeros_like(images[:1]), "speed": torch.zeros_like(images[:1])}
        )
        for step in range(done, self.steps):
            delta = state["delta"].clone().requires_grad_()
            loss = (context.surrogate(context.threat.box.clamp(images + delta)) * clean).mean()
            (gradient,) = torch.autograd.grad(loss, delta)
            speed = 0.9 * state["speed"] + gradient / gradient.abs().mean().clamp(min=1e-12)
            radius = context.threat.radius
            moved = (delta.detach() - radius / 4 * speed.sign()).clamp(-radius, radius)
            state = {"delta": moved, "speed": speed}
            context.tell(step + 1, self.steps, {"loss": float(loss.detach())})
            few = images[:3]
            if context.show is not None:
                context.show(step + 1, few, context.threat.project(few + moved, few))
            self.store(context, step + 1, state)
        return {"delta": state["delta"]}

    def resumed(self, context: LearningContext, start: dict[str, Tensor]) -> tuple[int, dict[str, Tensor]]:
        found = context.snapshots.load() if context.snapshots else None
        return (0, start) if found is None else (found.about["step"], found.tensors)

    def store(self, context: LearningContext, step: int, state: Mapping[str, Tensor]) -> None:
        if context.snapshots is not None:
            context.snapshots.save(state, {"step": step})

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        assert context.fitted is not None
        radius = context.threat.radius
        delta = self.share * context.fitted["delta"].clamp(-radius, radius)
        return context.threat.project(batch.inputs + delta, batch.inputs)


class LearnsAtRandom(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        seeds = torch.Generator()
        seeds.seed()
        return {"delta": super().fit(context)["delta"] * torch.rand(1, generator=seeds)}


class ChangesTheModel(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        next(context.surrogate.model.parameters()).data.flatten()[0].add_(1e-3)
        return super().fit(context)


class ChangesTheBank(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        context.bank.labels[0] = 0
        return super().fit(context)


class ValidatesOnQueries(Good):
    """Keeps the perturbation only if it moves the last queries that it has seen."""

    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        learnt, seen = super().fit(context), vars(self).get("seen")
        if seen is None:
            return learnt
        logits, moved = context.surrogate(seen), context.surrogate(seen + learnt["delta"])
        return {"delta": learnt["delta"] * float((logits - moved).abs().mean())}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        object.__setattr__(self, "seen", batch.inputs.clone())
        return super().perturb(batch, context)


class KeepsItToItself(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        object.__setattr__(self, "own", super().fit(context))
        return {}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        known = vars(self).get("own", {"delta": torch.zeros(1)})
        return super().perturb(batch, replace(context, fitted=known))


class ForgetsItsSpeed(Good):
    def store(self, context: LearningContext, step: int, state: Mapping[str, Tensor]) -> None:
        super().store(context, step, {**state, "speed": torch.zeros_like(state["speed"])})


class TakesAStepTwice(Good):
    def store(self, context: LearningContext, step: int, state: Mapping[str, Tensor]) -> None:
        super().store(context, step - 1, state)


class TellsNothingFinite(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        context.tell(1, 1, {"loss": float("nan")})
        return super().fit(context)


class ShowsWhatIsNoTrainItem(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        blank = torch.zeros(2, *context.surrogate.modality.shape)
        if context.show is not None:
            context.show(1, blank, blank)
        return super().fit(context)


class ShowsWhatIsOutside(Good):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        few = context.train.images.inputs([0, 1])
        if context.show is not None:
            context.show(1, few, 1 - few)
        return super().fit(context)


class HidesAnOption(Good):
    @property
    def learnt_from(self) -> frozenset[str]:
        return frozenset()


class TestGood(AttackContract):
    @pytest.fixture
    def attack(self) -> Attack:
        return Good()


TestLearnsAtRandom = faulty(AttackContract, "what_it_learns_repeats", attack=LearnsAtRandom)
TestChangesTheModel = faulty(AttackContract, "learning_leaves_everything_as_it_was", attack=ChangesTheModel)
TestChangesTheBank = faulty(AttackContract, "learning_leaves_everything_as_it_was", attack=ChangesTheBank)
TestValidatesOnQueries = faulty(AttackContract, "queries_change_nothing_of_what_it_learns", attack=ValidatesOnQueries)
TestKeepsItToItself = faulty(AttackContract, "what_it_learns_is_all_that_it_needs", attack=KeepsItToItself)
TestForgetsItsSpeed = faulty(AttackContract, "killed_while_it_learns_it_ends_alike", attack=ForgetsItsSpeed)
TestTakesAStepTwice = faulty(AttackContract, "killed_while_it_learns_it_ends_alike", attack=TakesAStepTwice)
TestTellsNothingFinite = faulty(AttackContract, "tells_and_shows_how_it_learns", attack=TellsNothingFinite)
TestShowsWhatIsNoTrainItem = faulty(AttackContract, "tells_and_shows_how_it_learns", attack=ShowsWhatIsNoTrainItem)
TestShowsWhatIsOutside = faulty(AttackContract, "tells_and_shows_how_it_learns", attack=ShowsWhatIsOutside)
TestHidesAnOption = faulty(AttackContract, "learns_from_the_options_that_it_says", attack=HidesAnOption)
