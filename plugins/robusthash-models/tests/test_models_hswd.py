"""HSWD: the distance to a fair coin, and the losses that it is mixed into."""

from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash.testing import ObjectiveContract
from robusthash_models.objectives.csq import CSQ
from robusthash_models.objectives.dpsh import DPSH
from robusthash_models.objectives.hashnet import HashNet
from robusthash_models.objectives.hswd import CSQWithHSWD, DPSHWithHSWD, HashNetWithHSWD, coin_distance


def test_the_distance_by_hand() -> None:
    balanced = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0]])
    assert coin_distance(balanced).item() == 0.0
    # One of four on the wrong side: (1 + 1)^2 / 4; zeros are 1 away; a bit that is always +1 is 2 away.
    assert coin_distance(torch.tensor([[1.0], [1.0], [1.0], [-1.0]])).item() == 1.0
    assert coin_distance(torch.zeros(6, 3)).item() == 1.0
    assert coin_distance(torch.ones(6, 3)).item() == 2.0
    assert coin_distance(torch.cat([balanced, torch.ones(4, 2)], 1)).item() == 1.0


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5])
def test_the_middle_of_an_odd_number_costs_the_mean_of_both_sides(value: float) -> None:
    u = torch.tensor([[-1.0], [value], [1.0]])
    assert coin_distance(u).item() == pytest.approx((0.5 * (value - 1) ** 2 + 0.5 * (value + 1) ** 2) / 3)


def test_the_gradient_pulls_the_lower_half_down_and_the_upper_half_up() -> None:
    u = torch.tensor([[0.5], [0.1], [-0.2], [0.9]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(coin_distance(u), u)
    wanted = torch.tensor([[1.0], [-1.0], [-1.0], [1.0]]).double()
    torch.testing.assert_close(gradient, 2 * (u.detach() - wanted) / 4)


@pytest.mark.parametrize(
    ("mixed", "alone", "squash"),
    [
        (DPSHWithHSWD(wasserstein=0.3), DPSH(), False),
        (HashNetWithHSWD(wasserstein=0.3, alpha=0.2), HashNet(alpha=0.2), False),
        (CSQWithHSWD(wasserstein=0.3), CSQ(), True),
    ],
    ids=["dpsh", "hashnet", "csq"],
)
def test_it_is_added_to_the_loss_of_the_relaxed_codes(mixed: Objective, alone: Objective, squash: bool) -> None:
    logits = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.eye(3)[torch.arange(6) % 3]
    head = mixed.head(bits=8, classes=3, seed=0)
    step = TrainStep(epoch=5, epochs=100, iteration=0, bits=8, head=head)

    def loss(objective: Objective) -> tuple[Tensor, Tensor]:
        u = objective.relax(logits, step)
        return u, objective.loss(u, labels, Pairs(codes=u, similar=labels @ labels.T), step)

    u, value = loss(mixed)
    expected = loss(alone)[1] + 0.3 * coin_distance(torch.tanh(logits) if squash else u)
    torch.testing.assert_close(value, expected)
    assert u.equal(loss(alone)[0])
    options = asdict(mixed)  # type: ignore[call-overload]  # every objective here is a dataclass
    assert options.pop("wasserstein") == 0.3
    assert options == asdict(alone)  # type: ignore[call-overload]


class TestWithHSWD(ObjectiveContract):
    @pytest.fixture(params=[DPSHWithHSWD(), HashNetWithHSWD(), CSQWithHSWD()], ids=["dpsh", "hashnet", "csq"])
    def objective(self, request: pytest.FixtureRequest) -> Objective:
        found: Objective = request.param
        return found
