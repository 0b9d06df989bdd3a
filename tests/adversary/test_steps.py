"""Step rules against torch's optimisers and against hand-computed steps; the annealing table."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from robusthash.adversary import GradientAttack, Slope, Sloped, Step, annealed_scale, relaxed, step_rule
from robusthash.errors import OptionError

SIZE = 0.01
GRADIENTS = torch.randn(6, 3, 3, 2, 2, generator=torch.Generator().manual_seed(0))  # (steps, samples, image)
LOSSES = torch.rand(6, 3, generator=torch.Generator().manual_seed(0))


def anywhere(point: Tensor) -> Tensor:
    """No ball and no box."""
    return point


def _positions(step: Step) -> Tensor:
    rule = step_rule(step, size=SIZE, steps=len(GRADIENTS))
    position = torch.zeros_like(GRADIENTS[0])
    for gradient, losses in zip(GRADIENTS, LOSSES, strict=True):
        position = rule.move(position, gradient, losses, anywhere)
    return position


@pytest.mark.parametrize(
    ("step", "optimiser"),
    [
        (Step.RAW, lambda p: torch.optim.SGD(p, lr=SIZE)),
        (Step.MOMENTUM, lambda p: torch.optim.SGD(p, lr=SIZE, momentum=0.9)),
        (Step.ADAM, lambda p: torch.optim.Adam(p, lr=SIZE)),
    ],
)
def test_agrees_with_torch_optim(step: Step, optimiser: object) -> None:
    parameter = torch.nn.Parameter(torch.zeros_like(GRADIENTS[0]))
    reference = optimiser([parameter])  # type: ignore[operator]  # one of the three above
    for gradient in GRADIENTS:
        parameter.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(_positions(step), parameter.detach(), rtol=1e-5, atol=1e-7)


def test_sign_and_unit_steps_by_hand() -> None:
    gradient = torch.tensor([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1)
    start, losses = torch.ones_like(gradient), torch.zeros(2)
    sign = step_rule(Step.SIGN, size=2, steps=1).move(start, gradient, losses, anywhere)
    assert sign.flatten().tolist() == [-1, 3, 1, 1, 1, 1]
    unit = step_rule(Step.L2_UNIT, size=2, steps=1).move(start, gradient, losses, anywhere).flatten(1)
    torch.testing.assert_close(unit, torch.tensor([[-0.2, 2.6, 1.0], [1.0, 1.0, 1.0]]))


@pytest.mark.parametrize("step", Step)
def test_every_step_ends_inside(step: Step) -> None:
    """What a rule returns has been projected last."""
    rule, position = step_rule(step, size=3.0, steps=len(GRADIENTS)), torch.zeros_like(GRADIENTS[0])
    for gradient, losses in zip(GRADIENTS, LOSSES, strict=True):
        position = rule.move(position, gradient, losses, lambda point: point.clamp(-0.1, 0.1))
        assert position.abs().max() <= 0.1
    assert position.any()


@pytest.mark.parametrize("step", Step)
def test_samples_keep_their_own_state_when_others_are_dropped(step: Step) -> None:
    """A sample's steps are the same whether its neighbours stay or leave."""
    together, alone = (step_rule(step, size=SIZE, steps=len(GRADIENTS)) for _ in range(2))
    rows = torch.tensor([0, 1, 2])
    ours, mine = torch.zeros_like(GRADIENTS[0]), torch.zeros_like(GRADIENTS[0, 2:])
    for count, (gradient, losses) in enumerate(zip(GRADIENTS, LOSSES, strict=True)):
        for when, kept in ((2, [0, 2]), (4, [1])):
            if count == when:
                together.keep(torch.tensor(kept))
                rows, ours = rows[kept], ours[kept]
        ours = together.move(ours, gradient[rows], losses[rows], anywhere)
        mine = alone.move(mine, gradient[2:], losses[2:], anywhere)
        torch.testing.assert_close(ours[-1:], mine)


def test_dropping_before_the_first_step_is_harmless() -> None:
    for step in Step:
        rule = step_rule(step, size=SIZE, steps=1)
        rule.keep(torch.tensor([1]))
        moved = rule.move(torch.zeros(1, 3, 2, 2), GRADIENTS[0, 1:2], LOSSES[0, 1:2], anywhere)
        assert moved.shape == (1, 3, 2, 2)


def test_usual_sizes_are_shares_of_the_radius() -> None:
    assert {step: step.share for step in Step} == {**dict.fromkeys(Step, 1 / 8), Step.ADAPTIVE: 2, Step.FINE: 0.3}


def test_annealing_follows_the_published_table() -> None:
    """Huang et al. 2022, section 5.2, for 2,000 iterations."""
    table = [(0, 0.1), (999, 0.1), (1000, 0.2), (1199, 0.2), (1200, 0.3), (1399, 0.3), (1400, 0.5), (1599, 0.5)]
    table += [(1600, 0.7), (1799, 0.7), (1800, 1.0), (1999, 1.0)]
    assert [(i, annealed_scale(i / 2000)) for i, _ in table] == table
    assert [annealed_scale(i / 10) for i in range(10)] == [0.1] * 5 + [0.2, 0.3, 0.5, 0.7, 1.0]


@pytest.mark.parametrize(
    ("scale", "progress", "slope"), [(None, 0.0, 0.1), (None, 0.95, 1.0), (0.3, 0.0, 0.3), (2, 0.95, 2)]
)
def test_a_fixed_slope_does_not_anneal(scale: float | None, progress: float, slope: float) -> None:
    logits = torch.tensor([[2.0, -0.5, 0.0, -30.0]])
    torch.testing.assert_close(relaxed(logits, scale, progress), torch.tanh(slope * logits), rtol=0, atol=0)


@dataclass(frozen=True, kw_only=True)
class Pull(Sloped, GradientAttack):
    """Pulls to a code."""

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -(self.relaxed(logits, progress) * aim).mean(1)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_slope_is_a_positive_number(scale: float) -> None:
    assert [Pull(scale=fine).scale for fine in (None, 1e-3)] == [None, 1e-3]
    with pytest.raises(OptionError, match="scale") as error:
        Pull(scale=scale)
    assert "none to anneal" in str(error.value.hint)


def test_an_attack_with_a_slope_checks_its_other_options() -> None:
    with pytest.raises(OptionError, match="steps"):
        Pull(steps=0)


def test_bits_far_out_keep_a_gradient() -> None:
    """A fixed slope as steep loses it in float32, and would leave a bit of eight times the mean size where it is."""
    logits = torch.tensor([[0.5] * 15 + [8.0]]).requires_grad_()
    size = logits.detach().abs().mean().item()
    for scale, kept in ((Slope.RELATIVE, True), (3 / size, False)):
        codes = relaxed(logits, scale, 0.0)
        (gradient,) = torch.autograd.grad(codes.sum(), logits)
        assert (gradient[0, -1] > 0).item() is kept
        torch.testing.assert_close(codes, torch.tanh(3 / size * logits))
        torch.testing.assert_close(gradient[0, 0], 3 / size * (1 - torch.tanh(3 / size * logits[0, 0]) ** 2))
