"""Aims, and the base of gradient attacks: start, restarts and options."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Step, aim_code
from robusthash.contracts import Attack, AttackBatch, Budget, CodeBank, HashModel, Modality, Surrogate
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import centre, mainstay, vote
from robusthash.specs import Capability, Goal
from robusthash.testing import AttackContract, LinearVictim, SmallVictim, toy_batch, toy_context


@dataclass(frozen=True, kw_only=True)
class Linear(GradientAttack):
    """Pulls the logits to the aim."""

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -(logits * aim).mean(1)


VARIANTS = {
    "plain": Linear(steps=20),
    "random start": Linear(steps=20, random_start=True),
    "restarts": Linear(steps=10, restarts=3),
    "last iterate": Linear(steps=20, keep_best=False),
    "never stops": Linear(steps=20, stop=False),
    "adam": Linear(steps=20, step=Step.ADAM, step_size=0.005),
    "momentum": Linear(steps=20, step=Step.MOMENTUM, step_size=0.02),
    "raw": Linear(steps=20, step=Step.RAW, step_size=0.5),
    "unit step": Linear(steps=20, step=Step.L2_UNIT, step_size=1.0),
    "targeted": Linear(steps=20, aim=Aim.P2S, random_start=True),
    "momentum and look-ahead": Linear(steps=10, decay=1.0, nesterov=True),
    "diversity": Linear(steps=10, diversity=0.5),
    "scales": Linear(steps=10, scales=3, decay=1.0),
    "variance": Linear(steps=20, variance=2, decay=1.0, random_start=True),
    "everything": Linear(
        steps=6, restarts=2, decay=0.9, nesterov=True, diversity=0.7, scales=2, variance=2, step_size=1 / 100
    ),
    "from the centre": Linear(steps=20, aim=Aim.CENTRE),
    "to the mainstay": Linear(steps=20, aim=Aim.TO_MAINSTAY),
}


class TestVariants(AttackContract):
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
    found = aim_code(aim, batch, logits)
    assert found.tolist() == code
    assert found.dtype == logits.dtype


def test_aims_of_a_label_are_its_representatives(batch: AttackBatch) -> None:
    """Away from the query's own label's code, or to the target label's."""
    bank = CodeBank(codes=torch.tensor([[1, 1, -1], [-1, 1, -1]]), labels=torch.tensor([[1, 0], [0, 1]]))
    own, other = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[0, 1], [1, 0]])
    labelled = replace(batch, labels=own, targets=other)
    logits = torch.zeros(2, 3, dtype=torch.float64)
    for flee, to, representative in ((Aim.CENTRE, Aim.TO_CENTRE, centre), (Aim.MAINSTAY, Aim.TO_MAINSTAY, mainstay)):
        away, near = (aim_code(aim, labelled, logits, bank) for aim in (flee, to))
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
            aim_code(aim, replace(batch, anchors=None), torch.zeros(2, 3))


def test_an_aim_of_a_label_says_what_is_missing(batch: AttackBatch) -> None:
    bank = CodeBank(codes=torch.ones(1, 3), labels=torch.ones(1, 2))
    for aim, missing in ((Aim.CENTRE, "needs labels"), (Aim.TO_MAINSTAY, "needs target labels")):
        with pytest.raises(CapabilityError, match="code bank"):
            aim_code(aim, batch, torch.zeros(2, 3))
        with pytest.raises(CapabilityError, match=missing):
            aim_code(aim, batch, torch.zeros(2, 3), bank)
    with pytest.raises(CapabilityError, match="learns it"):
        aim_code(Aim.LEARNT, batch, torch.zeros(2, 3), bank)


@pytest.mark.parametrize("options", [{"steps": 0}, {"restarts": 0}, {"step_size": 0.0}, {"step_size": -1 / 255}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        Linear(**options)  # type: ignore[arg-type]  # the names are its fields


def test_default_step_is_an_eighth_of_the_radius() -> None:
    victim = LinearVictim()
    context, batch = toy_context(victim, epsilon=8 / 255), toy_batch(victim)
    delta = Linear(steps=1)(batch, context).unrounded - batch.inputs
    inner = (batch.inputs > 0.1) & (batch.inputs < 0.9)
    torch.testing.assert_close(delta[inner].abs() * 255, torch.ones(int(inner.sum())), rtol=0, atol=1e-3)


def test_random_start_is_in_the_whole_ball() -> None:
    """After one tiny step the perturbation is still the start: uniform, as far as the ball and the box go."""
    victim = SmallVictim()
    context, batch = toy_context(victim, epsilon=8 / 255), toy_batch(victim)
    attack = Linear(steps=1, step_size=1e-6, random_start=True, keep_best=False)
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
