"""DSH, DPH and DCH: hand-worked values, slow references, analytic gradients, one-sided batches, the contract."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash.errors import OptionError
from robusthash.testing import ObjectiveContract
from robusthash_models.objectives.dch import DCH
from robusthash_models.objectives.dph import DPH
from robusthash_models.objectives.dsh import DSH, squared_distances


def step(bits: int) -> TrainStep:
    return TrainStep(epoch=0, epochs=100, iteration=0, bits=bits)


def take(objective: Objective, u: Tensor, codes: Tensor, similar: Tensor) -> Tensor:
    return objective.loss(u, torch.zeros(len(u), 1), Pairs(codes=codes, similar=similar), step(u.shape[1]))


def gradient_of(objective: Objective, u: Tensor, codes: Tensor, similar: Tensor) -> Tensor:
    u = u.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(take(objective, u, codes, similar), u)
    return gradient


def problem(n: int = 3, m: int = 7, bits: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Rows compared with others, of which about a half are similar: (n, bits), (m, bits), (n, m)."""
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(n, bits, generator=generator, dtype=torch.float64)
    codes = torch.randn(m, bits, generator=generator, dtype=torch.float64)
    similar = (torch.rand(n, m, generator=generator) < 0.5).double()
    return u, codes, similar


# --- DSH --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("similar", [1.0, 0.0])
def test_dsh_unit_vector(similar: float) -> None:
    """A squared distance of 2 costs 1 on either side of a margin of 4."""
    u, code = torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 0.0]])
    assert take(DSH(alpha=0.0), u, code, torch.tensor([[similar]])).item() == 1.0


def test_dsh_others_beyond_the_margin_cost_nothing() -> None:
    u, code = torch.tensor([[1.0, 1.0]]), torch.tensor([[-1.0, -1.0]])
    assert take(DSH(alpha=0.0), u, code, torch.zeros(1, 1)).item() == 0.0
    assert take(DSH(alpha=0.0, margin=9.0), u, code, torch.zeros(1, 1)).item() == pytest.approx(0.5)
    assert not gradient_of(DSH(alpha=0.0), u, code, torch.zeros(1, 1)).any()


@pytest.mark.parametrize("regulariser", ["element", "pair"])
def test_dsh_is_the_naive_one(regulariser: Literal["element", "pair"]) -> None:
    """The textbook's (n, m, bits) tensor gives the same value and the same gradient."""
    u, codes, similar = problem(n=6, m=9)
    u.requires_grad_()
    distance = (u[:, None] - codes[None]).square().sum(2)
    assert ((distance > 10) & (similar == 0)).any()
    assert ((distance < 10) & (similar == 0)).any()
    contrast = 0.5 * (similar * distance + (1 - similar) * torch.relu(10 - distance)).mean()
    off = (u.abs() - 1).abs()
    naive = contrast + 0.3 * (off.mean() if regulariser == "element" else 2 * off.sum(1).mean())
    loss = take(DSH(alpha=0.3, regulariser=regulariser), u, codes, similar)
    torch.testing.assert_close(loss, naive)
    torch.testing.assert_close(torch.autograd.grad(loss, u), torch.autograd.grad(naive, u))


def test_dsh_gradient_is_the_analytic_one() -> None:
    u, codes, similar = problem()
    apart = u[:, None] - codes[None]
    near = (apart.square().sum(2) < 10).double()
    pull = ((similar - (1 - similar) * near)[..., None] * apart).sum(1) / 21
    expected = pull + 0.1 * (u.abs() - 1).sign() * u.sign() / 15
    torch.testing.assert_close(gradient_of(DSH(alpha=0.1), u, codes, similar), expected)


def test_dsh_distances_are_good_in_single_precision() -> None:
    """Rows far from the origin and near to each other, where the expansion cancels most."""
    codes = torch.sign(torch.randn(50, 64, generator=torch.Generator().manual_seed(0)))
    u = codes + 0.01
    naive = (u[:, None] - codes[None]).square().sum(2)
    torch.testing.assert_close(squared_distances(u, codes), naive, rtol=1e-5, atol=1e-4)


def test_dsh_relaxations() -> None:
    logits = torch.tensor([[-2.0, 0.5]])
    assert torch.equal(DSH(relaxation="identity").relax(logits, step(2)), logits)
    assert torch.equal(DSH(relaxation="tanh").relax(logits, step(2)), logits.tanh())


# --- DPH --------------------------------------------------------------------------------------------------------------


def test_dph_unit_vector() -> None:
    u, code = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    assert take(DPH(), u, code, torch.zeros(1, 1)).item() == 1.0


def test_dph_is_least_where_codes_agree_and_oppose() -> None:
    u, codes = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert take(DPH(), u, codes, torch.tensor([[1.0, 0.0]])).item() == 0.0
    assert take(DPH(), u, codes, torch.tensor([[0.0, 1.0]])).item() == 4.0


def test_dph_gradient_is_the_analytic_one() -> None:
    u, codes, similar = problem()
    expected = 2 / (7 * 3 * 5) * (u @ codes.T / 5 - (2 * similar - 1)) @ codes
    torch.testing.assert_close(gradient_of(DPH(), u, codes, similar), expected)


# --- DCH --------------------------------------------------------------------------------------------------------------


def cauchy_distance(a: list[float], b: list[float]) -> float:
    cosine = sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))
    return len(a) / 2 * (1 - min(cosine, 0.99))


def test_dch_unit_vector() -> None:
    """Equal items are at 0.01 K / 2, the least distance; one is at the corner, at the least distance from it too."""
    ones = torch.ones(1, 4)
    expected = math.log(0.02 / 20) + math.log(1 + 20 / 0.02) + 0.1 * math.log(1 + 0.02 / 20)
    assert take(DCH(), ones, ones, torch.ones(1, 1)).item() == pytest.approx(expected, rel=1e-4)


def test_dch_value_is_the_double_sum() -> None:
    u, codes, similar = problem()
    n1 = float(similar.sum())
    likelihood = 0.0
    for i in range(3):
        for j in range(7):
            distance, s = cauchy_distance(u[i].tolist(), codes[j].tolist()), float(similar[i, j])
            weight = 21 / n1 if s else 21 / (21 - n1)
            likelihood += weight * (s * math.log(distance / 2) + math.log(1 + 2 / distance))
    corner = [cauchy_distance(row.abs().tolist(), [1.0] * 5) for row in u]
    expected = likelihood / 21 + 0.7 * sum(math.log(1 + d / 2) for d in corner) / 3
    assert take(DCH(gamma=2.0, weight=0.7), u, codes, similar).item() == pytest.approx(expected, rel=1e-12)


def test_dch_gradient_is_the_analytic_one() -> None:
    """Through the angle: the derivative of a cosine is the other direction's part across one's own."""
    u, codes, similar = problem()
    norm, own, other = u.norm(dim=1, keepdim=True), torch.nn.functional.normalize(u), codes / codes.norm(dim=1)[:, None]
    cosine = own @ other.T
    assert cosine.max() < 0.99
    distance = 2.5 * (1 - cosine)
    n1 = similar.sum()
    weight = torch.where(similar > 0, 21 / n1, 21 / (21 - n1))
    by_distance = weight * (similar / distance - 20 / (distance * (distance + 20))) / 21
    across = (other[None] - cosine[..., None] * own[:, None]) / norm[:, None]
    expected = (-2.5 * by_distance[..., None] * across).sum(1)
    torch.testing.assert_close(gradient_of(DCH(weight=0.0), u, codes, similar), expected)


def test_dch_pairs_beyond_the_bound_have_no_gradient() -> None:
    u = torch.tensor([[3.0, -2.0]])
    assert not gradient_of(DCH(weight=0.0), u, 1.01 * u, torch.ones(1, 1)).any()


def test_dch_quantiser_falls_toward_the_corners() -> None:
    """With no angle between pairs to tell, magnitudes that differ cost more than equal ones do."""
    losses = [
        take(DCH(weight=1.0), torch.tensor([row]), torch.zeros(1, 2), torch.zeros(1, 1)).item()
        for row in ([1.0, -1.0], [1.0, -0.5], [1.0, 0.0])
    ]
    assert losses[0] < losses[1] < losses[2]


def test_dch_item_at_zero_has_a_finite_gradient() -> None:
    u = torch.zeros(2, 4)
    assert gradient_of(DCH(), u, torch.ones(3, 4), torch.ones(2, 3)).isfinite().all()


def test_dch_relaxations() -> None:
    logits = torch.tensor([[-2.0, 0.5]])
    assert torch.equal(DCH(relaxation="identity").relax(logits, step(2)), logits)
    assert torch.equal(DCH(relaxation="tanh").relax(logits, step(2)), logits.tanh())


# --- all --------------------------------------------------------------------------------------------------------------

ALL = [DSH(), DSH(relaxation="tanh", regulariser="pair", alpha=0.01), DPH(), DCH(), DCH(relaxation="identity")]


@pytest.mark.parametrize("objective", ALL, ids=repr)
class TestContract(ObjectiveContract):
    """Finite, felt by every item, blind to the order, and its descent retrieves."""


@pytest.mark.parametrize("objective", ALL, ids=repr)
def test_finite_differences(objective: Objective) -> None:
    u, codes, similar = problem()
    assert torch.autograd.gradcheck(lambda x: take(objective, x, codes, similar), (u.requires_grad_(),))


@pytest.mark.parametrize("objective", ALL, ids=repr)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_sided_pairs_are_unweighted(objective: Objective, value: float) -> None:
    """A batch in which all pairs are similar, or none is, has the mean of its pairs' own losses."""
    u, codes, _ = problem()
    together = take(objective, u, codes, torch.full((3, 7), value, dtype=torch.float64))
    one = torch.full((1, 1), value, dtype=torch.float64)
    alone = [take(objective, u[i : i + 1], codes[j : j + 1], one) for i in range(3) for j in range(7)]
    torch.testing.assert_close(together, torch.stack(alone).mean())


@pytest.mark.parametrize("objective", ALL, ids=repr)
def test_a_bank_row_not_yet_known_is_harmless(objective: Objective) -> None:
    u, codes, similar = problem()
    codes[0], similar[:, 0] = 0.0, 0.0
    assert gradient_of(objective, u, codes, similar).isfinite().all()


@pytest.mark.parametrize("options", [{"margin": 0.0}, {"alpha": -0.1}])
def test_dsh_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        DSH(margin=options.get("margin"), alpha=options.get("alpha", 0.1))


@pytest.mark.parametrize("options", [{"gamma": 0.0}, {"weight": -0.1}])
def test_dch_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        DCH(gamma=options.get("gamma", 20.0), weight=options.get("weight", 0.1))
