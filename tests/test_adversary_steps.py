"""Step rules against torch's optimisers and against hand-computed steps; the annealing table."""

import pytest
import torch

from robusthash.adversary import Step, annealed_scale
from robusthash.adversary.steps import step_rule

SIZE = 0.01
GRADIENTS = torch.randn(6, 3, 3, 2, 2, generator=torch.Generator().manual_seed(0))  # (steps, samples, image)


def _positions(step: Step) -> torch.Tensor:
    rule = step_rule(step)
    position = torch.zeros_like(GRADIENTS[0])
    for gradient in GRADIENTS:
        position = position - SIZE * rule.step(gradient)
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
    assert step_rule(Step.SIGN).step(gradient).flatten().tolist() == [1, -1, 0, 0, 0, 0]
    unit = step_rule(Step.L2_UNIT).step(gradient).flatten(1)
    torch.testing.assert_close(unit, torch.tensor([[0.6, -0.8, 0.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("step", Step)
def test_samples_keep_their_own_state_when_others_are_dropped(step: Step) -> None:
    """A sample's steps are the same whether its neighbours stay or leave."""
    together, alone = step_rule(step), step_rule(step)
    rows = torch.tensor([0, 1, 2])
    for count, gradient in enumerate(GRADIENTS):
        if count == 2:
            together.keep(torch.tensor([0, 2]))
            rows = rows[[0, 2]]
        if count == 4:
            together.keep(torch.tensor([1]))
            rows = rows[[1]]
        mine = alone.step(gradient[2:])
        torch.testing.assert_close(together.step(gradient[rows])[-1:], mine)


def test_dropping_before_the_first_step_is_harmless() -> None:
    for step in Step:
        rule = step_rule(step)
        rule.keep(torch.tensor([1]))
        assert rule.step(GRADIENTS[0, 1:2]).shape == (1, 3, 2, 2)


def test_annealing_follows_the_published_table() -> None:
    """Huang et al. 2022, section 5.2, for 2,000 iterations."""
    table = [(0, 0.1), (999, 0.1), (1000, 0.2), (1199, 0.2), (1200, 0.3), (1399, 0.3), (1400, 0.5), (1599, 0.5)]
    table += [(1600, 0.7), (1799, 0.7), (1800, 1.0), (1999, 1.0)]
    assert [(i, annealed_scale(i / 2000)) for i, _ in table] == table
    assert [annealed_scale(i / 10) for i in range(10)] == [0.1] * 5 + [0.2, 0.3, 0.5, 0.7, 1.0]
