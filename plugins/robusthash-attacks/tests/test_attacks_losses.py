"""Each loss against its formula, the published vectors and finite differences."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack
from robusthash.contracts import AttackBatch
from robusthash.errors import OptionError
from robusthash.testing import SmallVictim, toy_batch, toy_context
from robusthash_attacks.baselines.noise import Noise
from robusthash_attacks.gradient.center import Center
from robusthash_attacks.gradient.hag import HAG
from robusthash_attacks.gradient.hinge import Hinge
from robusthash_attacks.gradient.mainstay import Mainstay, Weighting
from robusthash_attacks.gradient.rnm import RNM
from robusthash_attacks.gradient.tanh import Tanh
from robusthash_attacks.gradient.tha import THA


def gradient(attack: GradientAttack, logits: Tensor, aim: Tensor, progress: float = 0.0) -> Tensor:
    logits = logits.clone().requires_grad_()
    (result,) = torch.autograd.grad(attack.loss(logits, aim, progress).sum(), logits)
    return result


def test_rnm_gradient_by_hand() -> None:
    """``2 alpha (C - sgn C) - h / K`` for K = 4, alpha = 1/4; the second bit sits at the stationary point -1/2."""
    logits, aim = torch.tensor([[2.0, -0.5, 0.25, -3.0]]), torch.tensor([[1.0, 1.0, 1.0, -1.0]])
    assert gradient(RNM(alpha=0.25), logits, aim).tolist() == [[0.25, 0.0, -0.625, -0.75]]


def test_rnm_value_by_hand() -> None:
    logits, aim = torch.tensor([[2.0, -0.5]]), torch.tensor([[1.0, 1.0]])
    inner = -(2.0 - 0.5) / 2
    assert RNM(alpha=0.5).loss(logits, aim, 0).item() == pytest.approx(0.5 * (1.0 + 0.25) + inner)
    assert RNM(alpha=0.5, p=1.0).loss(logits, aim, 0).item() == pytest.approx(0.5 * (1.0 + 0.5) + inner)
    assert RNM().loss(logits, aim, 0).item() == pytest.approx(0.25 * 1.25 + inner)


def test_rnm_by_default_has_no_barrier_and_the_paper_s_weight_has() -> None:
    """Where a wrong bit stands at -1/2, the default still pulls it over; alpha = 1/K does not."""
    bits = 32
    logits, aim = torch.full((1, bits), -0.5), torch.ones(1, bits)
    assert (gradient(RNM(), logits, aim) < 0).all()
    torch.testing.assert_close(gradient(RNM(alpha=1 / bits), logits, aim), torch.zeros(1, bits))


@pytest.mark.parametrize(
    ("progress", "slope"), [(0.0, 0.1), (0.5, 0.2), (0.65, 0.3), (0.75, 0.5), (0.85, 0.7), (0.9, 1)]
)
def test_tanh_gradient_is_the_formula(progress: float, slope: float) -> None:
    """``-(a / K) (1 - tanh^2(a f)) h``."""
    logits = torch.tensor([[2.0, -0.5, 0.25, -3.0]])
    aim = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
    expected = -(slope / 4) * (1 - torch.tanh(slope * logits) ** 2) * aim
    torch.testing.assert_close(gradient(Tanh(scale=None), logits, aim, progress), expected)
    torch.testing.assert_close(gradient(Tanh(scale=slope), logits, aim, 0.0), expected)


def hag_by_hand(logits: list[float], aim: list[float], slope: float, margin: float, beta: float) -> float:
    """The formula of the class, one bit at a time."""
    relaxed = [math.tanh(slope * z) for z in logits]
    clean = [-a for a in aim]
    reach = [abs(u - math.copysign(1, h)) for u, h in zip(relaxed, clean, strict=True)]
    weight = [1.0 if r < 1 + margin else 0.0 for r in reach]
    similarity = sum(w * u * w * h for w, u, h in zip(weight, relaxed, clean, strict=True)) / max(sum(weight), 1)
    balance = sum(w * u for w, u in zip(weight, relaxed, strict=True)) / len(logits)
    return (similarity + 1) ** 2 + beta * balance**2


@pytest.mark.parametrize(("progress", "slope"), [(0.0, 0.1), (0.95, 1.0)])
@pytest.mark.parametrize(("margin", "beta"), [(0.5, 1.0), (0.2, 3.0)])
def test_hag_is_its_formula(progress: float, slope: float, margin: float, beta: float) -> None:
    logits = torch.tensor([[0.2, -0.7, 3.0, -3.0, 0.4], [-1.0, 2.0, -4.0, 0.1, -0.1]])
    aim = torch.tensor([[-0.9, -0.3, -0.8, 0.6, 0.5], [0.1, -0.2, 0.3, -0.4, -0.5]])
    expected = [hag_by_hand(z, a, slope, margin, beta) for z, a in zip(logits.tolist(), aim.tolist(), strict=True)]
    torch.testing.assert_close(
        HAG(margin=margin, beta=beta, scale=None).loss(logits, aim, progress), torch.tensor(expected)
    )


@pytest.mark.parametrize(("u", "weight"), [(0.2, 1.0), (-0.4, 1.0), (-0.6, 0.0), (-0.5, 0.5)])
def test_hag_mask(u: float, weight: float) -> None:
    """With sgn h = +1 and t = 1/2 a bit is done below u = -1/2, and counts half where it stands exactly there."""
    logits = torch.atanh(torch.tensor([[u, 0.1]], dtype=torch.float64))
    margin = float((torch.tanh(logits[0, 0]) - 1).abs() - 1) if weight == 0.5 else 0.5  # 1/2, to the last bit
    slope = gradient(HAG(beta=0.0, margin=margin, scale=1.0), logits, torch.full_like(logits, -1.0), 0.99)[0]
    # Both bits have a share of the same similarity: the ratio of their slopes is the squared mask.
    tanh_slopes = 1 - torch.tanh(logits[0]) ** 2
    ratio = (slope[0] / tanh_slopes[0]) / (slope[1] / tanh_slopes[1])
    assert float(ratio) == pytest.approx(weight**2)


def test_hag_starts_from_relaxed_codes_and_zero_counts_as_plus_one() -> None:
    logits = torch.tensor([[2.0, -0.3, 0.0]])
    batch = AttackBatch(inputs=torch.empty(1), ids=torch.zeros(1))
    aim = HAG().find_aim(batch, logits, toy_context(SmallVictim()))
    torch.testing.assert_close(aim, -torch.tanh(logits))
    assert (aim >= 0).tolist() == [[False, True, False]]


def test_hag_flees_only() -> None:
    with pytest.raises(OptionError, match="tanh-p2s"):
        HAG(aim=Aim.P2S)


def test_hag_survives_a_mask_of_nothing() -> None:
    logits, aim = torch.full((1, 4), -20.0), torch.full((1, 4), -1.0)
    attack = HAG(scale=1.0)
    assert attack.loss(logits, aim, 0.95).tolist() == [1.0]
    assert not gradient(attack, logits, aim, 0.95).any()


def test_hinge_by_hand() -> None:
    """Right by the margin: nothing. Wrong, or right by less: the distance to the margin, with slope -h / K."""
    logits, aim = torch.tensor([[2.0, 0.25, -0.5, 3.0]]), torch.tensor([[1.0, 1.0, 1.0, -1.0]])
    assert Hinge().loss(logits, aim, 0).tolist() == [(0 + 0.75 + 1.5 + 4) / 4]
    assert gradient(Hinge(), logits, aim).tolist() == [[0, -0.25, -0.25, 0.25]]
    assert Hinge(margin=0.2).loss(logits, aim, 0).item() == pytest.approx((0 + 0 + 0.7 + 3.2) / 4)
    with pytest.raises(OptionError, match="margin"):
        Hinge(margin=0)


@pytest.mark.parametrize("attack", [Center(scale=1.0), THA(scale=1.0)], ids=repr)
def test_center_and_tha_are_their_formula(attack: GradientAttack) -> None:
    logits, aim = torch.tensor([[2.0, -0.5]]), torch.tensor([[1.0, 1.0]])
    expected = -(math.tanh(2.0) - math.tanh(0.5)) / 2
    assert attack.loss(logits, aim, 0.3).item() == pytest.approx(expected)


def test_mainstay_by_hand() -> None:
    """``s = (0.8, 0.2, -0.6)`` by the aim: the first bit is safe, the others give (s - 2) s, or -(s + 2) s as released.

    Fleeing the code c = -h is minimising (s + 2) s of s = tanh(f) c, as the paper's code has it: the same numbers.
    """
    logits = torch.atanh(torch.tensor([[0.8, -0.2, -0.6]], dtype=torch.float64))
    aim = torch.tensor([[1.0, -1.0, 1.0]], dtype=torch.float64)
    symmetric = ((0.2 - 2) * 0.2 + (-0.6 - 2) * -0.6) / 2
    released = -((0.2 + 2) * 0.2 + (-0.6 + 2) * -0.6) / 2
    assert Mainstay(scale=1.0).loss(logits, aim, 0.95).item() == pytest.approx(symmetric)
    compatible = Mainstay(aim=Aim.TO_MAINSTAY, saat_compat=True, scale=1.0)
    assert compatible.loss(logits, aim, 0.95).item() == pytest.approx(released)
    assert Mainstay(weighting=Weighting.PLAIN, scale=1.0).loss(logits, aim, 0.95).item() == pytest.approx(-0.4 / 3)


def test_mainstay_pulls_the_worst_bit_most_and_the_released_weights_least() -> None:
    logits, aim = torch.tensor([[-3.0, -0.2]], dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)
    relaxed = torch.tanh(logits)
    pull = -gradient(Mainstay(scale=1.0), logits, aim, 0.95) / (1 - relaxed**2)
    torch.testing.assert_close(pull, (2 - 2 * relaxed) / 2)
    released = -gradient(Mainstay(aim=Aim.TO_MAINSTAY, saat_compat=True, scale=1.0), logits, aim, 0.95) / (
        1 - relaxed**2
    )
    torch.testing.assert_close(released, (2 + 2 * relaxed) / 2)
    assert pull[0, 0] > pull[0, 1] > released[0, 1] > released[0, 0]


def test_mainstay_survives_a_mask_of_nothing() -> None:
    logits, aim = torch.full((1, 4), 20.0), torch.ones(1, 4)
    attack = Mainstay(scale=1.0)
    assert attack.loss(logits, aim, 0.95).tolist() == [0.0]
    assert not gradient(attack, logits, aim, 0.95).any()


@pytest.mark.parametrize("options", [{}, {"aim": Aim.TO_MAINSTAY, "weighting": Weighting.PLAIN}])
def test_released_weights_are_of_a_weighted_targeted_attack(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="saat_compat"):
        Mainstay(saat_compat=True, **options)


#: A relative slope is a constant in the gradient, and none for finite differences.
LOSSES = [
    RNM(),
    RNM(alpha=0.3, p=3.0),
    Tanh(scale=None),
    HAG(beta=2.0, scale=None),
    Hinge(),
    Center(scale=1.0),
    Mainstay(scale=None),
    Mainstay(weighting=Weighting.PLAIN, scale=None),
    Mainstay(aim=Aim.TO_MAINSTAY, saat_compat=True, scale=None),
    THA(scale=1.0),
]


@pytest.mark.parametrize("attack", LOSSES, ids=repr)
@pytest.mark.parametrize("progress", [0.0, 0.7, 0.95])
def test_gradients_agree_with_finite_differences(attack: GradientAttack, progress: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    logits = logits.sign() * (logits.abs() + 0.01)  # away from the sign's jump
    aim = torch.randn(5, 8, generator=generator, dtype=torch.float64).tanh()
    expected, step = torch.empty_like(logits), 1e-6
    for bit in range(8):
        shift = torch.zeros(8, dtype=torch.float64)
        shift[bit] = step
        high, low = (attack.loss(logits + direction * shift, aim, progress) for direction in (1, -1))
        expected[:, bit] = (high - low) / (2 * step)
    torch.testing.assert_close(gradient(attack, logits, aim, progress), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("attack", LOSSES, ids=repr)
def test_losses_are_per_sample(attack: GradientAttack) -> None:
    generator = torch.Generator().manual_seed(1)
    logits, aim = torch.randn(6, 8, generator=generator), torch.randn(6, 8, generator=generator).tanh()
    whole = attack.loss(logits, aim, 0.6)
    assert whole.shape == (6,)
    torch.testing.assert_close(
        torch.cat([attack.loss(z[None], a[None], 0.6) for z, a in zip(logits, aim, strict=True)]), whole
    )


def test_noise_fills_the_ball() -> None:
    victim = SmallVictim()
    batch = toy_batch(victim)
    result = Noise()(batch, toy_context(victim, epsilon=8 / 255))
    delta = ((result.unrounded - batch.inputs) * 255)[(batch.inputs > 0.1) & (batch.inputs < 0.9)]
    assert delta.min() < -7.9
    assert delta.max() > 7.9
    assert abs(float(delta.mean())) < 5 * 16 / (12 * len(delta)) ** 0.5
    assert float(delta.std()) == pytest.approx(16 / 12**0.5, rel=0.03)
