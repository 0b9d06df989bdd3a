"""Aims, and the base of gradient attacks: start, restarts and options."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Start, Step, find_aim
from robusthash.contracts import (
    Attack,
    AttackBatch,
    Budget,
    CodeBank,
    HashModel,
    Modality,
    Randomness,
    Space,
    Surrogate,
)
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import centre, hamming, mainstay, vote
from robusthash.specs import Capability, Goal
from robusthash.testing import GradientAttackContract, LinearVictim, SmallVictim, toy_batch, toy_context


@dataclass(frozen=True, kw_only=True)
class Linear(GradientAttack):
    """Pulls the logits to the aim."""

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -(logits * aim).mean(1)


VARIANTS = {
    "plain": Linear(steps=20),
    "random start": Linear(steps=20, start=Start.RANDOM),
    "restarts": Linear(steps=10, restarts=3),
    "last iterate": Linear(steps=20, keep_best=False),
    "never stops": Linear(steps=20, stop=False),
    "adam": Linear(steps=20, step=Step.ADAM, step_size=0.005),
    "momentum": Linear(steps=20, step=Step.MOMENTUM, step_size=0.02),
    "raw": Linear(steps=20, step=Step.RAW, step_size=0.5),
    "unit step": Linear(steps=20, step=Step.L2_UNIT, step_size=1.0),
    "targeted": Linear(steps=20, aim=Aim.P2S, start=Start.RANDOM),
    "momentum and look-ahead": Linear(steps=10, decay=1.0, nesterov=True),
    "diversity": Linear(steps=10, diversity=0.5),
    "scales": Linear(steps=10, scales=3, decay=1.0),
    "variance": Linear(steps=20, variance=2, decay=1.0, start=Start.RANDOM),
    "everything": Linear(
        steps=6, restarts=2, decay=0.9, nesterov=True, diversity=0.7, scales=2, variance=2, step_size=1 / 100
    ),
    "adaptive": Linear(steps=20, step=Step.ADAPTIVE),
    "adaptive over scales": Linear(steps=20, step=Step.ADAPTIVE, scales=2, passes=2, start=Start.RANDOM),
    "passes": Linear(steps=10, passes=2),
    "from the centre": Linear(steps=20, aim=Aim.CENTRE),
    "to the mainstay": Linear(steps=20, aim=Aim.TO_MAINSTAY),
}


class TestVariants(GradientAttackContract):
    """The engine's options keep the contract, whatever the loss."""

    @pytest.fixture(params=list(VARIANTS))
    def attack(self, request: pytest.FixtureRequest) -> Attack:
        return VARIANTS[request.param]

    @pytest.fixture(autouse=True)
    def _averages(self, attack: Attack) -> None:
        assert isinstance(attack, Linear)
        # Averaged over views that mix pixels, it is no longer the gradient of the delivered image.
        self.turns_every_bit = attack.diversity == 0


@pytest.fixture
def batch() -> AttackBatch:
    anchors = torch.tensor([[[1, -1, 1], [-1, -1, 1], [-1, -1, -1]], [[1, 1, 1], [0, 0, 0], [0, 0, 0]]])
    return AttackBatch(inputs=torch.zeros(2, 3, 1, 1), ids=torch.arange(2), anchors=anchors.to(torch.int8))


@pytest.mark.parametrize(
    ("aim", "code"),
    [
        (Aim.AWAY, [[-1, 1, -1], [-1, -1, -1]]),
        (Aim.OTHER, [[1, -1, 1], [1, 1, 1]]),
        (Aim.P2P, [[1, -1, 1], [1, 1, 1]]),
        (Aim.P2S, [[-1, -1, 1], [1, 1, 1]]),
    ],
)
def test_aims(aim: Aim, code: list[list[int]], batch: AttackBatch) -> None:
    logits = torch.tensor([[0.5, -2.0, 0.0], [1.0, 1.0, 1.0]])
    found = find_aim(aim, batch, logits, Space.hamming(3))
    assert found.tolist() == code
    assert found.dtype == logits.dtype


def test_aims_of_a_label_are_its_representatives(batch: AttackBatch) -> None:
    """Away from the query's own label's code, or to the target label's."""
    bank = CodeBank(codes=torch.tensor([[1, 1, -1], [-1, 1, -1]]), labels=torch.tensor([[1, 0], [0, 1]]))
    own, other = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[0, 1], [1, 0]])
    labelled = replace(batch, labels=own, targets=other)
    logits = torch.zeros(2, 3, dtype=torch.float64)
    for flee, to, representative in ((Aim.CENTRE, Aim.TO_CENTRE, centre), (Aim.MAINSTAY, Aim.TO_MAINSTAY, mainstay)):
        away, near = (find_aim(aim, labelled, logits, Space.hamming(3), bank) for aim in (flee, to))
        assert away.dtype == near.dtype == logits.dtype
        assert torch.equal(away, -representative(own, bank.codes, bank.labels).double())
        assert torch.equal(near, representative(other, bank.codes, bank.labels).double())


@pytest.mark.parametrize(
    ("aim", "goal", "needs"),
    [
        (Aim.AWAY, Goal.UNTARGETED, set()),
        (Aim.OTHER, Goal.UNTARGETED, {Capability.ANCHORS}),
        (Aim.P2P, Goal.TARGETED, {Capability.ANCHORS}),
        (Aim.P2S, Goal.TARGETED, {Capability.ANCHORS}),
        (Aim.CENTRE, Goal.UNTARGETED, {Capability.LABELS, Capability.CODE_BANK}),
        (Aim.MAINSTAY, Goal.UNTARGETED, {Capability.LABELS, Capability.CODE_BANK}),
        (Aim.TO_CENTRE, Goal.TARGETED, {Capability.CODE_BANK}),
        (Aim.TO_MAINSTAY, Goal.TARGETED, {Capability.CODE_BANK}),
        (Aim.LEARNT, Goal.TARGETED, {Capability.CODE_BANK}),
    ],
)
def test_what_an_aim_is_judged_by_and_needs(aim: Aim, goal: Goal, needs: set[Capability], batch: AttackBatch) -> None:
    attack = Linear(aim=aim)
    assert attack.goal is goal
    assert attack.needs == {Capability.GRADIENTS, *needs}
    if needs:
        with pytest.raises(CapabilityError):
            find_aim(aim, replace(batch, anchors=None), torch.zeros(2, 3), Space.hamming(3))


def test_an_aim_of_a_label_says_what_is_missing(batch: AttackBatch) -> None:
    bank = CodeBank(codes=torch.ones(1, 3), labels=torch.ones(1, 2))
    for aim, missing in ((Aim.CENTRE, "needs labels"), (Aim.TO_MAINSTAY, "needs target labels")):
        with pytest.raises(CapabilityError, match="code bank"):
            find_aim(aim, batch, torch.zeros(2, 3), Space.hamming(3))
        with pytest.raises(CapabilityError, match=missing):
            find_aim(aim, batch, torch.zeros(2, 3), Space.hamming(3), bank)
    with pytest.raises(CapabilityError, match="learns it"):
        find_aim(Aim.LEARNT, batch, torch.zeros(2, 3), Space.hamming(3), bank)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"restarts": 0},
        {"step_size": 0.0},
        {"step_size": -1 / 255},
        {"nesterov": True},
        {"passes": 0},
        {"decay": 1.0, "step": Step.ADAPTIVE},
        {"decay": 1.0, "step": Step.FINE},
        {"variance": 2, "step": Step.ADAPTIVE},
    ],
)
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        Linear(**options)  # type: ignore[arg-type]  # the names are its fields


def test_default_step_is_an_eighth_of_the_radius() -> None:
    victim = LinearVictim()
    context, batch = toy_context(victim, epsilon=8 / 255), toy_batch(victim)
    delta = Linear(steps=1)(batch, context).unrounded - batch.inputs
    inner = (batch.inputs > 0.1) & (batch.inputs < 0.9)
    torch.testing.assert_close(delta[inner].abs() * 255, torch.ones(int(inner.sum())), rtol=0, atol=1e-3)
    delta = Linear(steps=1, step=Step.ADAPTIVE)(batch, context).unrounded - batch.inputs
    torch.testing.assert_close(delta[inner].abs() * 255, torch.full((int(inner.sum()),), 8.0), rtol=0, atol=1e-3)


def test_random_start_is_in_the_whole_ball() -> None:
    """After one tiny step the perturbation is still the start: uniform, as far as the ball and the box go."""
    victim = SmallVictim()
    context, batch = toy_context(victim, epsilon=8 / 255), toy_batch(victim)
    attack = Linear(steps=1, step_size=1e-6, start=Start.RANDOM, keep_best=False)
    result = attack(batch, context)
    delta = (result.unrounded - batch.inputs)[(batch.inputs > 0.1) & (batch.inputs < 0.9)] * 255
    assert not result.clipped.any()
    assert delta.min() < -7.9
    assert delta.max() > 7.9
    # The mean of n uniform numbers in [-8, 8] has a standard deviation of 16 / sqrt(12 n).
    assert abs(float(delta.mean())) < 5 * 16 / (12 * len(delta)) ** 0.5


class Flat(HashModel):
    """One bit whose gradient is zero at grey and below: only a random start finds the slope."""

    bits, modality = 1, Modality.image(1)

    def forward(self, inputs: Tensor) -> Tensor:
        return 0.01 - (inputs - 128.5 / 255).relu().flatten(1).sum(1, keepdim=True)


def test_restarts_begin_at_random_points_and_keep_the_better() -> None:
    context = toy_context(SmallVictim())
    flat = replace(context, surrogate=Surrogate(Flat().eval(), Budget()))
    grey = AttackBatch(inputs=torch.full((40, 3, 1, 1), 128 / 255), ids=torch.arange(40))
    once = Linear(steps=5)(grey, flat)
    assert torch.equal(once.inputs, grey.inputs)
    flipped = [
        (Flat().codes(Linear(steps=5, restarts=restarts)(grey, flat).inputs) == -1).flatten() for restarts in (2, 3, 9)
    ]
    shares = [float(done.float().mean()) for done in flipped]
    # A random point has a pixel above grey, hence a slope, with a chance of about 7/8.
    assert 0.6 < shares[0] < shares[1] <= shares[2] == 1
    assert (flipped[1] >= flipped[0]).all()


@dataclass(frozen=True, kw_only=True)
class Recorded(Randomness):
    """Randomness that remembers what it was asked for."""

    draws: list[tuple[str, int]] = field(default_factory=list)

    def uniform(self, ids: Tensor, shape: tuple[int, ...], *, restart: int = 0) -> Tensor:
        self.draws.append((self.purpose, restart))
        return super().uniform(ids, shape, restart=restart)


def test_a_further_try_starts_at_random_and_shares_no_numbers() -> None:
    """Not with the first try, nor with the restarts that each try makes on its own, nor between their views."""
    victim = SmallVictim()
    context, batch = toy_context(victim, epsilon=2 / 255), toy_batch(victim)
    recorded = Recorded(seed=0, purpose="toy")
    attack = Linear(steps=2, restarts=3, diversity=0.5, keep_best=False)
    for restart in range(3):
        attack(batch, replace(context, random=recorded, restart=restart))
    assert len(recorded.draws) == len(set(recorded.draws)) == (2 + 3 + 3) + 3 * 3 * 2
    still = Linear(steps=1, step_size=1e-6, keep_best=False)
    starts = [still(batch, replace(context, restart=restart)).unrounded - batch.inputs for restart in range(3)]
    assert starts[0].abs().max() < 1e-5
    for delta in starts[1:]:
        assert delta.abs().max() > 1.9 / 255
    assert not torch.equal(starts[1], starts[2])


@pytest.mark.parametrize("keep_best", [True, False])
def test_observers_are_told_what_would_be_delivered(*, keep_best: bool) -> None:
    victim = SmallVictim()
    context, batch = toy_context(victim, epsilon=4 / 255), toy_batch(victim)
    wrong = torch.arange(len(batch.ids))[:, None] > torch.arange(victim.bits)  # one bit more for each query
    aim = torch.where(wrong, -1, 1) * victim.codes(batch.inputs)
    seen: dict[int, list[tuple[int, int]]] = {int(query): [] for query in batch.ids}

    def observe(ids: Tensor, step: int, distance: Tensor) -> None:
        for query, left in zip(ids.tolist(), distance.tolist(), strict=True):
            seen[query].append((step, left))

    attack = Linear(aim=Aim.P2P, steps=10, restarts=3, step_size=2 / 255, keep_best=keep_best)
    result = attack(replace(batch, anchors=aim[:, None].to(torch.int8)), replace(context, observe=observe))
    left = hamming(victim.codes(result.inputs), aim)
    lengths = set()
    for query, start, end in zip(batch.ids.tolist(), wrong.sum(1).tolist(), left.tolist(), strict=True):
        steps, distances = zip(*seen[query], strict=True)
        assert distances[-1] == end
        assert distances[0] == start
        # The start of a run is looked at with the steps of the runs before it.
        full = [*range(11), *range(10, 21), *range(20, 31)]
        assert list(steps) == full[: len(steps)]
        assert len(steps) == len(full) or end == 0
        assert 0 not in distances[:-1]
        later = distances if keep_best else distances[10::11]
        assert all(after <= before for before, after in pairwise(later))
        lengths.add(len(steps))
    assert len(lengths) > 1, "some get there sooner, some never"


class Noisy(HashModel):
    """Each image's weights are drawn anew in each pass; on average a bit goes up with every pixel."""

    bits, modality = 1, Modality.image(4)

    def forward(self, inputs: Tensor) -> Tensor:
        weight = 1 + 3 * torch.randn(inputs.shape)
        return ((inputs - 1) * weight).flatten(1).sum(1, keepdim=True)


def test_passes_find_the_way_through_noise() -> None:
    """One pass has the sign of a pixel wrong with a chance of 37 in 100 (1/3 sigma); the mean of 64, of 0.4."""
    batch = AttackBatch(inputs=torch.full((50, 3, 4, 4), 128 / 255), ids=torch.arange(50))
    right = {}
    for passes in (1, 64):
        budget = Budget()
        context = replace(toy_context(SmallVictim()), surrogate=Surrogate(Noisy().eval(), budget))
        attack = Linear(steps=1, aim=Aim.P2P, passes=passes, stop=False, keep_best=False)
        up = replace(batch, anchors=torch.ones(50, 1, 1, dtype=torch.int8))
        right[passes] = float((attack(up, context).inputs > batch.inputs).float().mean())
        # The clean query, a look before and after the step, and the gradient's own passes where there are several.
        own = passes if passes > 1 else 0
        assert budget == Budget(forward=50 * (3 + own), backward=50 * passes)
    assert right[1] == pytest.approx(0.63, abs=0.05)
    assert right[64] > 0.98


def test_restarts_never_touch_a_query_that_is_there() -> None:
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim)
    easy = replace(batch, anchors=victim.codes(batch.inputs)[:, None])
    unmoved = Linear(aim=Aim.P2P, steps=8, restarts=3)(easy, context)
    assert context.surrogate.budget == Budget(forward=2 * len(batch.ids), backward=0)
    assert torch.equal(unmoved.inputs, batch.inputs)


def test_aim_of_a_vote_is_fixed_on_the_clean_query() -> None:
    victim = SmallVictim()
    batch = toy_batch(victim)
    assert batch.anchors is not None
    seen: list[Tensor] = []

    @dataclass(frozen=True, kw_only=True)
    class Watch(Linear):
        def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
            seen.append(aim)
            return super().loss(logits, aim, progress)

    Watch(aim=Aim.P2S, steps=5, stop=False)(batch, toy_context(victim))
    assert len(seen) == 5
    assert all(torch.equal(aim, vote(batch.anchors).float()) for aim in seen)
