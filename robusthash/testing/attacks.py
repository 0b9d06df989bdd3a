"""The tests that every attack must pass: subclass :class:`AttackContract` and override the ``attack`` fixture.

::

    class TestMine(AttackContract):
        @pytest.fixture
        def attack(self) -> Attack:
            return Mine(steps=20)

An attack that needs queries gets a service over a toy database. Its option ``queries``, if it has one, is checked as
the limit per image; set it to a small number.

Importing this module needs pytest, which is not a dependency of the core.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.adversary import GradientAttack, distance_to
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    HashModel,
    Oracle,
    Randomness,
    Space,
    Surrogate,
    Threat,
)
from robusthash.errors import CapabilityError
from robusthash.hashing import binarise, sign
from robusthash.pixels import quantise
from robusthash.specs import AttackSpec, Capability, Distance, Goal
from robusthash.testing.victims import (
    DescriptorVictim,
    LinearVictim,
    SmallVictim,
    TextVictim,
    toy_batch,
    toy_context,
    toy_learning,
)


class AttackContract:
    """The contract of attacks.

    Attributes:
        equal_pixels: smallest share of pixels that must not change with the batch size: another batch shape changes
            the low-order bits of the kernels, and steps may amplify them.
        beats_noise: whether it moves codes further than uniform noise of the same epsilon; False for a baseline.
        turns_every_bit: whether its loss pulls every bit to the aim independently of the others; gradient attacks only.
    """

    equal_pixels = 0.999
    beats_noise = True
    turns_every_bit = True

    @pytest.fixture
    def attack(self) -> Attack:
        """The attack under test; a subclass overrides this."""
        pytest.skip("override the fixture `attack` in a subclass")

    @pytest.fixture
    def spec(self) -> AttackSpec | None:
        """The spec of the attack; a subclass overrides this."""
        return None

    @pytest.fixture
    def victim(self, attack: Attack) -> HashModel:
        """A victim of toy images, 3 x 16 x 16: one that gives codes, unless the attack works on descriptors alone."""
        return SmallVictim() if Distance.HAMMING in attack.distances else DescriptorVictim()

    @pytest.fixture
    def context(self, attack: Attack, victim: HashModel) -> AttackContext:
        """A context with the victim as surrogate, and what the attack learnt on it; one budget counts everything."""
        return _fitted(attack, victim)

    @pytest.fixture
    def batch(self, victim: HashModel) -> AttackBatch:
        """Twelve queries."""
        return toy_batch(victim)

    def test_spec_says_what_it_is(self, attack: Attack, spec: AttackSpec | None) -> None:
        """The goals and needs in the spec are those of the object."""
        if spec is None:
            pytest.skip("override the fixture `spec` in a subclass")
        assert attack.goal in spec.goals
        assert attack.needs == spec.needs
        assert attack.distances == spec.distances

    def test_epsilon_zero_returns_the_inputs(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """At epsilon 0, the images are returned bit for bit, and nothing is clipped."""
        if not attack.bounded:
            pytest.skip("not bound by epsilon")
        still = replace(context, threat=replace(context.threat, epsilon=0.0))
        result = attack(batch, still)
        assert torch.equal(result.inputs, batch.inputs)
        assert torch.equal(result.unrounded, batch.inputs)
        assert not result.clipped.any()

    @pytest.mark.parametrize("epsilon", [1 / 255, 8 / 255, 0.032])
    def test_stays_in_ball_and_box(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, epsilon: float
    ) -> None:
        """Before and after rounding, without the host's clipping; the delivered images are on the 8-bit grid.

        An unbounded attack stays in the box, and ignores epsilon.
        """
        threat = replace(context.threat, epsilon=epsilon)
        result = attack(batch, replace(context, threat=threat))
        if not attack.bounded:
            assert torch.equal(result.inputs, attack(batch, context).inputs)
            threat = replace(threat, epsilon=1.0)
        assert not result.clipped.any()
        assert threat.contains(result.unrounded, batch.inputs).all()
        assert threat.contains(result.inputs, batch.inputs).all()
        assert torch.equal(result.inputs, quantise(result.inputs))

    def test_leaves_everything_as_it_was(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """Queries, weights, buffers, gradients and flags; the guard protects the global random generators."""
        queries = _copy(batch)
        state = {name: tensor.clone() for name, tensor in victim.state_dict().items()}
        attack(batch, context)
        for name, tensor in _tensors(batch).items():
            assert torch.equal(tensor, getattr(queries, name)), name
        assert all(torch.equal(tensor, state[name]) for name, tensor in victim.state_dict().items())
        assert not any(p.requires_grad or p.grad is not None for p in victim.parameters())
        assert not any(part.training for part in victim.modules())

    def test_same_seed_same_bytes(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """The outcome does not depend on what ran before."""
        first, again = attack(batch, context), attack(batch, context)
        assert torch.equal(again.unrounded, first.unrounded)

    def test_order_changes_nothing(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """The outcome does not depend on the order of the batch, except for the kernels' own rounding."""
        order = torch.randperm(len(batch.ids), generator=torch.Generator().manual_seed(5))
        expected = attack(batch, context).inputs[order]
        equal = (attack(_rows(batch, order), context).inputs - expected).abs() < context.threat.tolerance
        assert equal.float().mean() >= self.equal_pixels

    def test_batch_size_changes_nothing(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """But for the kernels' own rounding: some queries alone, and the others in batches of at most seven."""
        whole = attack(batch, context).inputs
        rows = torch.arange(len(whole))
        pieces = [
            attack(_rows(batch, part), context).inputs
            for part in (*torch.split(rows[:3], 1), *torch.split(rows[3:], 7))
        ]
        equal = (torch.cat(pieces) - whole).abs() < context.threat.tolerance
        assert equal.float().mean() >= self.equal_pixels

    def test_randomness_comes_from_the_seed(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """Another seed gives another outcome if and only if the attack draws from ``context.random``."""
        outcomes, draws = [], []
        for seed in (0, 1):
            recorded = _Recorded(seed=seed, purpose="toy")
            outcomes.append(attack(batch, replace(context, random=recorded)).unrounded)
            draws.append(recorded.draws)
        if not any(draws):
            assert torch.equal(*outcomes)
        elif not isinstance(attack, GradientAttack) or attack.random_start:  # a restart may not improve anything
            assert not torch.equal(*outcomes)

    def test_what_it_learns_repeats(self, attack: Attack, victim: HashModel) -> None:
        """Named tensors, equal for equal seeds; model and random generators are unchanged."""
        context = toy_learning(victim)
        state = {name: tensor.clone() for name, tensor in victim.state_dict().items()}
        generator = torch.get_rng_state()
        first, again = attack.learn(context), attack.learn(context)
        if first is None or again is None:
            assert first is again is None
            pytest.skip("it learns nothing")
        assert first.keys() == again.keys()
        assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
        assert all(torch.equal(tensor, state[name]) for name, tensor in victim.state_dict().items())
        assert torch.equal(torch.get_rng_state(), generator)

    def test_beats_noise(self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel) -> None:
        """It moves the codes further than uniform noise of the same epsilon: from themselves, or towards the target."""
        if not self.beats_noise:
            pytest.skip("a baseline, by its class attribute `beats_noise`")
        uniform = Randomness(seed=9, purpose="noise").uniform(batch.ids, tuple(batch.inputs.shape[1:]))
        noise = context.threat.point(uniform, batch.inputs)
        attacked = attack(batch, context).inputs
        if attack.goal is Goal.TARGETED:
            assert _to_anchors(victim, attacked, batch) < _to_anchors(victim, noise, batch)
        else:
            assert _moved(victim, attacked, batch) > _moved(victim, noise, batch)

    def test_targeted_comes_nearer_to_its_target(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """The mean distance to the codes of the target label falls."""
        if attack.goal is not Goal.TARGETED:
            pytest.skip("an untargeted attack")
        attacked = attack(batch, context).inputs
        assert _to_anchors(victim, attacked, batch) < _to_anchors(victim, batch.inputs, batch)

    def test_perturbs_whatever_it_says(self, attack: Attack) -> None:
        """An attack on anything in a box works on texts of a few levels in [-1, 3], inside the ball around each."""
        if attack.modalities is not None or Distance.HAMMING not in attack.distances:
            pytest.skip("it says that it does not perturb texts, or works on descriptors alone")
        victim = TextVictim()
        batch, context = toy_batch(victim), replace(_fitted(attack, victim), threat=Threat.on(victim.modality, 0.5))
        result = attack(batch, context)
        assert not result.clipped.any()
        for inputs in (result.inputs, result.unrounded):
            assert context.threat.contains(inputs, batch.inputs).all()
        assert torch.equal(result.inputs, context.threat.box.nearest(result.inputs))
        assert (result.unrounded != batch.inputs).any()
        assert torch.equal(attack(batch, context).inputs, result.inputs)

    def test_budget_counts_every_pass(
        self, attack: Attack, context: AttackContext, batch: AttackBatch, victim: HashModel
    ) -> None:
        """The budget equals the counts of hooks on the model and the service; a black-box attack makes no pass."""
        seen, service = Budget(), _watched(context)

        def backward(gradient: Tensor) -> None:
            seen.backward += len(gradient)

        def forward(_module: torch.nn.Module, inputs: tuple[Tensor], logits: Tensor) -> None:
            if service is None or not service.answering:
                seen.forward += len(inputs[0])
            if logits.requires_grad:
                logits.register_hook(backward)  # type: ignore[no-untyped-call]  # torch leaves it unannotated

        before = replace(context.surrogate.budget)
        handle = victim.register_forward_hook(forward)
        attack(batch, replace(context, oracle=service))
        handle.remove()
        seen.queries = service.images if service else 0
        spent = context.surrogate.budget
        for part in fields(Budget):
            assert getattr(spent, part.name) - getattr(before, part.name) == getattr(seen, part.name), part.name
        assert bool(seen.backward) == (Capability.GRADIENTS in attack.needs)
        assert bool(seen.queries) == (Capability.QUERIES in attack.needs)
        if Capability.QUERIES in attack.needs and Capability.GRADIENTS not in attack.needs:
            assert not seen.forward

    def test_asks_no_more_than_it_says(self, attack: Attack, context: AttackContext, batch: AttackBatch) -> None:
        """Its option ``queries``, if it has one, limits the queries per image, alone or in a batch."""
        limit = getattr(attack, "queries", None)
        if Capability.QUERIES not in attack.needs or not isinstance(limit, int):
            pytest.skip("it makes no queries, or has no option `queries`")
        for part in (batch, _rows(batch, torch.tensor([0])), _rows(batch, torch.arange(3))):
            service = _watched(context)
            assert service is not None, "an attack that needs queries needs a context with a service"
            attack(part, replace(context, oracle=service))
            assert service.images <= limit * len(part.ids)

    def test_asks_for_what_it_needs_and_no_more(
        self, attack: Attack, context: AttackContext, batch: AttackBatch
    ) -> None:
        """Without one of its needs it raises CapabilityError; with nothing but its needs it works."""
        unneeded = set(Capability) - attack.needs
        attack(*_withhold(batch, context, unneeded, targets=attack.goal is Goal.UNTARGETED))
        learns = type(attack).fit is not Attack.fit  # and what it learns from, a learning context always has
        for need in attack.needs - ({Capability.CODE_BANK} if learns else set()):
            poorer, less = _withhold(batch, context, {need}, targets=False)
            with pytest.raises(CapabilityError):
                attack(poorer, less)

    def test_reaches_the_analytic_optimum(self, attack: Attack) -> None:
        """On a linear victim whose bits share no pixels, exactly the reachable bits match the aim."""
        if not isinstance(attack, GradientAttack) or not self.turns_every_bit:
            pytest.skip("not a gradient attack, or its bits depend on each other (`turns_every_bit`)")
        if Distance.HAMMING not in attack.distances:
            pytest.skip("it works on descriptors alone")
        victim = LinearVictim()
        batch, context = toy_batch(victim), _fitted(attack, victim)
        aim = sign(attack.find_aim(batch, context.surrogate(batch.inputs), context))
        margin = aim * victim.extreme(batch.inputs, aim, context.threat)
        reached = victim.codes(attack(batch, context).inputs) == aim
        assert reached[margin > 0.02].all()
        assert not reached[margin < -0.02].any()
        assert (margin > 0.02).any()
        assert (margin < -0.02).any()


@dataclass(frozen=True, kw_only=True)
class _Recorded(Randomness):
    """Randomness that records its draws."""

    draws: list[str] = field(default_factory=list)

    def uniform(self, ids: Tensor, shape: tuple[int, ...], *, restart: int = 0) -> Tensor:
        self.draws.append("uniform")
        return super().uniform(ids, shape, restart=restart)

    def generator(self, *path: int) -> np.random.Generator:
        self.draws.append("generator")
        return super().generator(*path)


class _Watched(Oracle):
    """A service that counts its queries, and knows when it is answering one."""

    def __init__(self, service: Oracle) -> None:
        self._service = service
        self.space, self.size = service.space, service.size
        self.images = 0
        self.answering = False

    def codes(self, inputs: Tensor) -> Tensor:
        with self._answer(inputs):
            return self._service.codes(inputs)

    def neighbours(self, inputs: Tensor, k: int) -> Tensor:
        with self._answer(inputs):
            return self._service.neighbours(inputs, k)

    @contextmanager
    def _answer(self, inputs: Tensor) -> Iterator[None]:
        self.images += len(inputs)
        self.answering = True
        yield
        self.answering = False


class _NoGradients(HashModel):
    """A black box: the codes of another model, or its descriptors without their gradients."""

    def __init__(self, model: HashModel) -> None:
        super().__init__()
        self.model = model
        self.bits, self.modality = model.bits, model.modality

    @property
    def space(self) -> Space:
        return self.model.space

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            outputs: Tensor = self.model(inputs)
            return binarise(outputs).float() if self.space.binary else outputs


def _watched(context: AttackContext) -> _Watched | None:
    return None if context.oracle is None else _Watched(context.oracle)


def _fitted(attack: Attack, victim: HashModel) -> AttackContext:
    return replace(toy_context(victim), fitted=attack.learn(toy_learning(victim)))


def _tensors(batch: AttackBatch) -> dict[str, Tensor]:
    return {part.name: value for part in fields(batch) if (value := getattr(batch, part.name)) is not None}


def _copy(batch: AttackBatch) -> AttackBatch:
    return AttackBatch(**{name: tensor.clone() for name, tensor in _tensors(batch).items()})


def _rows(batch: AttackBatch, rows: Tensor) -> AttackBatch:
    return AttackBatch(**{name: tensor[rows] for name, tensor in _tensors(batch).items()})


def _outputs(victim: HashModel, inputs: Tensor) -> Tensor:
    return victim.space.codes(victim.represent(inputs))


def _moved(victim: HashModel, inputs: Tensor, batch: AttackBatch) -> float:
    """Mean distance of some inputs from the clean ones, as the victim sees them."""
    return float(distance_to(_outputs(victim, batch.inputs), _outputs(victim, inputs), victim.space).float().mean())


def _to_anchors(victim: HashModel, inputs: Tensor, batch: AttackBatch) -> float:
    """Mean distance to the anchors."""
    assert batch.anchors is not None, "toy batches have anchors"
    found = _outputs(victim, inputs)
    distances = [distance_to(anchor, found, victim.space) for anchor in batch.anchors.unbind(1)]
    return float(torch.stack(distances).float().mean())


def _withhold(
    batch: AttackBatch, context: AttackContext, what: set[Capability] | frozenset[Capability], *, targets: bool
) -> tuple[AttackBatch, AttackContext]:
    if targets:
        batch = replace(batch, targets=None)
    if Capability.LABELS in what:
        batch = replace(batch, labels=None)
    if Capability.ANCHORS in what:
        batch = replace(batch, anchors=None)
    if Capability.CODE_BANK in what:
        context = replace(context, bank=None)
    if Capability.QUERIES in what:
        context = replace(context, oracle=None)
    if Capability.GRADIENTS in what:
        opaque = _NoGradients(context.surrogate.model)
        context = replace(context, surrogate=Surrogate(opaque.eval(), Budget()))
    return batch, context
