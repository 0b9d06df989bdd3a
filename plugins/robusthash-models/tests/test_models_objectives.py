"""DPSH and HashNet: hand-worked values, analytic gradients, finite differences, edges."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash.errors import OptionError
from robusthash_models.objectives.dpsh import DPSH
from robusthash_models.objectives.hashnet import HashNet

LOG_1_E = math.log1p(math.exp(-1))  #: log(1 + e) - 1


def step(*, bits: int, epoch: int = 0, iteration: int = 0) -> TrainStep:
    return TrainStep(epoch=epoch, epochs=100, iteration=iteration, bits=bits)


def take(objective: Objective, u: Tensor, codes: Tensor, similar: Tensor) -> Tensor:
    return objective.loss(u, torch.zeros(len(u), 1), Pairs(codes=codes, similar=similar), step(bits=u.shape[1]))


def problem(n: int = 3, m: int = 7, bits: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(n, bits, generator=generator, dtype=torch.float64)
    codes = torch.randn(m, bits, generator=generator, dtype=torch.float64)
    similar = (torch.rand(n, m, generator=generator) < 0.4).double()
    return u, codes, similar


# --- DPSH -------------------------------------------------------------------------------------------------------------


def test_dpsh_unit_vector() -> None:
    ones = torch.ones(1, 2)
    assert take(DPSH(eta=50.0), ones, ones, torch.ones(1, 1)).item() == pytest.approx(0.31326, abs=1e-5)


@pytest.mark.parametrize("divisor", ["pairs", "elements"])
def test_dpsh_value_is_the_double_sum(divisor: Literal["pairs", "elements"]) -> None:
    u, codes, similar = problem()
    likelihood = 0.0
    for i in range(3):
        for j in range(7):
            theta = 0.5 * sum(float(u[i, k] * codes[j, k]) for k in range(5))
            likelihood += math.log1p(math.exp(theta)) - float(similar[i, j]) * theta
    quantiser = sum((math.copysign(1, value) - value) ** 2 for value in u.flatten().tolist())
    expected = likelihood / 21 + 3.0 * quantiser / (21 if divisor == "pairs" else 15)
    assert take(DPSH(eta=3.0, divisor=divisor), u, codes, similar).item() == pytest.approx(expected, rel=1e-12)


def test_dpsh_gradient_is_the_analytic_one() -> None:
    u, codes, similar = problem()
    u.requires_grad_()
    take(DPSH(eta=50.0, divisor="pairs"), u, codes, similar).backward()  # type: ignore[no-untyped-call]  # torch's
    with torch.no_grad():
        theta = u @ codes.T / 2
        expected = (0.5 * (torch.sigmoid(theta) - similar) @ codes + 2 * 50.0 * (u - u.sign())) / 21
    torch.testing.assert_close(u.grad, expected)


def test_dpsh_relaxations() -> None:
    logits = torch.tensor([[-2.0, 0.5]])
    assert torch.equal(DPSH(relaxation="identity").relax(logits, step(bits=2)), logits)
    assert torch.equal(DPSH().relax(logits, step(bits=2)), logits.tanh())


# --- HashNet ----------------------------------------------------------------------------------------------------------


def test_hashnet_unit_vector() -> None:
    u = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    assert take(HashNet(alpha=0.5), u, u, torch.eye(2)).item() == pytest.approx(1.00641, abs=1e-5)


def test_hashnet_gradient_is_the_analytic_one() -> None:
    u, codes, similar = problem()
    u.requires_grad_()
    take(HashNet(), u, codes, similar).backward()  # type: ignore[no-untyped-call]  # torch's
    with torch.no_grad():
        alpha, n, n1 = 10 / 5, 21, similar.sum()
        weight = torch.where(similar > 0, n / n1, n / (n - n1))
        expected = (alpha * (torch.sigmoid(alpha * u @ codes.T) - similar) * weight / n) @ codes
    torch.testing.assert_close(u.grad, expected)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_hashnet_without_similar_or_without_other_pairs_is_unweighted(value: float) -> None:
    u, codes, _ = problem()
    similar = torch.full((3, 7), value, dtype=torch.float64)
    z = 2.0 * u @ codes.T
    expected = (softplus(z) - value * z).mean()
    torch.testing.assert_close(take(HashNet(), u, codes, similar), expected)


def test_hashnet_positive_weight() -> None:
    u, codes, similar = problem()
    z = 0.1 * u @ codes.T
    terms = softplus(z) - similar * z
    expected = (3.0 * terms[similar == 1].sum() + terms[similar == 0].sum()) / 21
    torch.testing.assert_close(take(HashNet(alpha=0.1, positive_weight=3.0), u, codes, similar), expected)


@pytest.mark.parametrize(
    ("objective", "at", "beta"),
    [
        (HashNet(every=20), step(bits=4, epoch=19, iteration=9999), 1.0),
        (HashNet(every=20), step(bits=4, epoch=60, iteration=0), 2.0),
        (HashNet(unit="iteration", every=200), step(bits=4, epoch=99, iteration=199), 1.0),
        (HashNet(unit="iteration", every=200), step(bits=4, epoch=0, iteration=650), 2.0),
    ],
)
def test_hashnet_continuation(objective: HashNet, at: TrainStep, beta: float) -> None:
    assert objective.beta(at) == beta
    logits = torch.tensor([[0.3, -0.7]])
    torch.testing.assert_close(objective.relax(logits, at), torch.tanh(beta * logits))


def test_hashnet_options_out_of_range_are_refused() -> None:
    with pytest.raises(OptionError, match="every"):
        HashNet(every=0)
    with pytest.raises(OptionError, match="alpha"):
        HashNet(alpha=-1.0)


# --- both -------------------------------------------------------------------------------------------------------------

BOTH = [DPSH(), DPSH(divisor="pairs", eta=50.0), HashNet(), HashNet(positive_weight=2.0)]


@pytest.mark.parametrize("objective", BOTH, ids=repr)
def test_finite_differences(objective: Objective) -> None:
    u, codes, similar = problem()
    u.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: take(objective, x, codes, similar), (u,))


@pytest.mark.parametrize("objective", BOTH, ids=repr)
@pytest.mark.parametrize("scale", [1e3, -1e3])
def test_huge_products_do_not_overflow(objective: Objective, scale: float) -> None:
    u = torch.full((2, 4), 30.0, requires_grad=True)
    loss = take(objective, u, torch.full((3, 4), scale), torch.tensor([[1.0, 0.0, 1.0]] * 2))
    (gradient,) = torch.autograd.grad(loss, u)
    assert bool(loss.isfinite())
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("objective", BOTH, ids=repr)
def test_a_bank_row_not_yet_known_is_harmless(objective: Objective) -> None:
    u, codes, similar = problem()
    u.requires_grad_()
    codes[0], similar[:, 0] = 0.0, 0.0
    (with_row,) = torch.autograd.grad(take(objective, u, codes, similar), u)
    assert bool(with_row.isfinite().all())
