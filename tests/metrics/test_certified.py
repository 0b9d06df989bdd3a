"""Certified codes and rankings: by hand, against every perturbation there is, and by simulation."""

from itertools import product
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robusthash.errors import OptionError
from robusthash.hashing import pack
from robusthash.metrics.certified import (
    CertifiedCodes,
    DeployedVote,
    certified_average_precision,
    certified_codes,
)
from robusthash.metrics.counting.histograms import distance_histograms
from robusthash.metrics.ranking import average_precision

Signs = npt.NDArray[np.int8]


def scored(code: Signs, items: Signs, labels: torch.Tensor, own: torch.Tensor) -> float:
    counts = distance_histograms(
        pack(torch.from_numpy(code)[None]), pack(torch.from_numpy(items)), own, labels, bits=items.shape[1]
    )
    return float(average_precision(counts).expected[0])


def bound(
    code: Signs, reach: list[float], radius: float, items: Signs, labels: torch.Tensor, own: torch.Tensor
) -> float:
    found = CertifiedCodes(codes=code[None], radii=np.array([reach]))
    return float(certified_average_precision(found, radius, pack(torch.from_numpy(items)), own, labels)[0])


def test_by_hand() -> None:
    # Two items, the relevant one equal to the query in all four bits, the other one two bits away in the first two.
    items = np.array([[1, 1, 1, 1], [-1, -1, 1, 1]], np.int8)
    labels, own = torch.tensor([[1], [0]], dtype=torch.uint8), torch.tensor([[1]], dtype=torch.uint8)
    code, reach = np.ones(4, np.int8), [0.1, 0.2, 0.3, 0.4]
    found = [bound(code, reach, radius, items, labels, own) for radius in (0.0, 0.1, 0.2, 0.3)]
    # Nothing is open. One bit is: at most 1 against at least 1, a tie. Two are: 2 against 0, and then it stays last.
    assert found == [1.0, 0.75, 0.5, 0.5]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9))
def test_no_choice_of_the_open_bits_scores_less(seed: int, bits: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    items, code = (draw.choice([-1, 1], shape).astype(np.int8) for shape in ((count, bits), (bits,)))
    labels = torch.from_numpy(draw.integers(0, 2, (count, 1)).astype(np.uint8))
    own, reach = torch.ones((1, 1), dtype=torch.uint8), draw.choice([0.0, 0.5, 1.0], bits)
    for radius in (0.0, 0.5, 1.0):
        lowest = bound(code, list(reach), radius, items, labels, own)
        choices = [(-1, 1) if near <= radius else (bit,) for near, bit in zip(reach, code.tolist(), strict=True)]
        worst = min(scored(np.array(other, np.int8), items, labels, own) for other in product(*choices))
        assert lowest <= worst + 1e-12


def test_with_nothing_open_it_is_the_average_precision() -> None:
    draw = np.random.default_rng(0)
    items, code = (draw.choice([-1, 1], shape).astype(np.int8) for shape in ((50, 12), (12,)))
    labels, own = torch.from_numpy(draw.integers(0, 2, (50, 1)).astype(np.uint8)), torch.ones((1, 1), dtype=torch.uint8)
    assert bound(code, [1.0] * 12, 0.5, items, labels, own) == scored(code, items, labels, own)


def test_with_everything_open_relevant_items_come_last() -> None:
    labels, own = torch.tensor([[1], [0], [0]], dtype=torch.uint8), torch.tensor([[1]], dtype=torch.uint8)
    items = np.array([[1, 1], [-1, -1], [1, -1]], np.int8)
    assert bound(np.ones(2, np.int8), [0.0, 0.0], 9.0, items, labels, own) == pytest.approx(1 / 3)


def test_each_query_has_its_own_radius() -> None:
    labels, own = torch.tensor([[1], [0]], dtype=torch.uint8), torch.ones((2, 1), dtype=torch.uint8)
    found = CertifiedCodes(codes=np.ones((2, 2), np.int8), radii=np.full((2, 2), 0.5))
    packed = pack(torch.tensor([[1, 1], [-1, -1]]))
    assert certified_average_precision(found, np.array([0.1, 0.5]), packed, own, labels).tolist() == [1.0, 0.5]


@pytest.mark.parametrize("count", [501, 600, 999, 1000])
def test_the_bound_of_a_bit_is_clopper_pearsons(count: int) -> None:
    from scipy.stats import binomtest

    found = certified_codes(np.array([[count, 1000 - count]]), 1000, sigma=0.5, alpha=0.01)
    low = binomtest(count, 1000).proportion_ci(1 - 0.01 / 2).low  # two bits share alpha, and each has two ends
    expected = 0.5 * NormalDist().inv_cdf(low) if low > 0.5 else 0.0
    np.testing.assert_allclose(found.radii, [[expected, expected]], rtol=1e-9)
    assert found.codes.tolist() == [[1, -1]]


def test_the_confidence_covers() -> None:
    # 32 bits at various probabilities; a radius is too large in at most alpha of the runs.
    draw, alpha, samples, runs = np.random.default_rng(0), 0.05, 200, 4000
    truth = np.concatenate([np.full(24, 0.6), np.full(8, 0.97)])
    ones = draw.binomial(samples, truth, (runs, 32))
    found = certified_codes(ones, samples, sigma=1.0, alpha=alpha)
    true = np.array([NormalDist().inv_cdf(p) for p in truth])
    wrong = ((found.radii > true) | ((found.codes < 0) & (found.radii > 0))).any(1).mean()
    assert 0 < wrong <= alpha + 3 * (alpha * (1 - alpha) / runs) ** 0.5
    # One for a single bit would be wrong far more often.
    eager = certified_codes(ones, samples, sigma=1.0, alpha=0.9)
    assert (eager.radii > true).any(1).mean() > alpha


def test_a_linear_model_is_certified_up_to_its_plane() -> None:
    # Bit k of sign(w.x + b) under noise: p = Phi(m / sigma), so that the radius is the distance m to the plane.
    draw, sigma, samples = np.random.default_rng(1), 0.3, 100_000
    weights = draw.normal(size=(4, 10))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    x = draw.normal(size=10) * 0.1
    ones = ((x + sigma * draw.normal(size=(samples, 10))) @ weights.T >= 0).sum(0)[None]
    found, margin = certified_codes(ones, samples, sigma=sigma, alpha=0.001), np.abs(weights @ x)
    assert (found.codes[0] == np.sign(weights @ x)).all()
    assert (found.radii[0] <= margin).all()
    np.testing.assert_allclose(found.radii[0], margin, atol=0.01)


@pytest.mark.parametrize(
    ("samples", "alpha", "sigma", "votes"),
    [(0, 0.1, 1, 3), (9, 0, 1, 3), (9, 1, 1, 3), (9, 0.1, 0, 3), (9, 0.1, np.nan, 3), (9, 0.1, 1, 0)],
)
def test_what_decides_nothing_is_refused(samples: int, alpha: float, sigma: float, votes: int) -> None:
    with pytest.raises(OptionError, match="samples"):
        certified_codes(np.array([[1]]), samples, sigma=sigma, alpha=alpha, votes=votes)


def test_bits_that_are_open_are_counted() -> None:
    found = CertifiedCodes(codes=np.ones((1, 4), np.int8), radii=np.array([[0.0, 0.0, 0.2, 0.3]]))
    assert found.abstained == 0.5
    assert found.open_at(0.2).tolist() == [[True, True, True, False]]


def deployed(radii: list[float], votes: int, risk: float) -> CertifiedCodes:
    vote = DeployedVote(votes=votes, sigma=1.0, risk=risk)
    return CertifiedCodes(codes=np.ones((1, len(radii)), np.int8), radii=np.array([radii]), deployed=vote)


NINE = NormalDist().inv_cdf(0.9)  #: how far a bit holds that 9 of 10 copies have
ALL_BUT_ONE = 0.1**3 + 3 * 0.1**2 * 0.9  #: probability that at least two of three such copies are wrong


@pytest.mark.parametrize(
    ("votes", "error"), [(1, 0.1), (2, 1 - 0.9**2), (3, ALL_BUT_ONE), (4, 0.1**4 + 4 * 0.1**3 * 0.9 + 6 * 0.09**2)]
)
def test_the_errors_of_a_vote_by_hand(votes: int, error: float) -> None:
    # Two of two copies, or three of four, have to be right: a draw is no majority.
    vote = DeployedVote(votes=votes, sigma=0.5, risk=error)
    assert vote.errors(np.array([0.5 * NINE])) == pytest.approx([error])
    assert vote.margin == pytest.approx(0.5 * NINE)


@pytest.mark.parametrize(
    ("risk", "opened"),
    [
        (0.9 * ALL_BUT_ONE, [True, True, True]),
        (1.1 * ALL_BUT_ONE, [False, True, True]),
        (1.9 * ALL_BUT_ONE, [False, True, True]),
        (2.1 * ALL_BUT_ONE, [False, False, True]),
        (0.499, [False, False, True]),
    ],
)
@pytest.mark.parametrize("radius", [0.0, 0.7])
def test_the_bits_of_a_vote_share_its_risk(risk: float, opened: list[bool], radius: float) -> None:
    """Two bits are as certain as each other, at each radius that the certain margin allows for; one is undecided."""
    found = deployed([radius + NINE, radius + NINE, 0.0], 3, risk)
    assert found.open_at(radius).tolist() == [opened]
    assert found.open_at(np.array([radius])).tolist() == [opened]
    assert found.open_at(-np.inf).tolist() == [[False] * 3]
    assert found.open_at(np.inf).all()


def test_a_firm_bit_leaves_the_risk_to_the_others() -> None:
    found = deployed([5.0, NINE, 5.0, NINE], 3, 1.5 * ALL_BUT_ONE)
    assert found.open_at(0.0).tolist() == [[False, False, False, True]]
    assert found.abstained == 0.25


def test_the_last_bit_is_open_from_its_reach_on() -> None:
    found = deployed([1.0, NINE, 3.0], 15, 0.001)
    assert 0 < found.reach < 3.0
    assert not found.open_at(found.reach - 1e-6).all()
    assert found.open_at(found.reach + 1e-6).all()
    assert deployed([0.1], 3, 0.001).reach == 0


def test_many_votes_are_the_ideal_one() -> None:
    draw = np.random.default_rng(0)
    radii = np.sort(draw.uniform(0.1, 2.0, (5, 12)))
    codes = np.ones(radii.shape, np.int8)
    many = CertifiedCodes(codes=codes, radii=radii, deployed=DeployedVote(votes=10**8 + 1, sigma=1.0, risk=1e-4))
    ideal = CertifiedCodes(codes=codes, radii=radii)
    for radius in (0.0, 0.5, 1.0, 1.5):
        assert (np.abs(radii - radius) > 1e-3).all()
        np.testing.assert_array_equal(many.open_at(radius), ideal.open_at(radius))
    assert many.reach == pytest.approx(ideal.reach, abs=1e-3)


def broken(samples: int, margins: list[float], radius: float, *, votes: int | None, alpha: float) -> float:
    """Share of the runs in which some bit that is fixed at a radius is wrong in a vote of three copies.

    A query is a number, and bit k of a copy is right where its noise stays above ``-margin``: all bits share the noise,
    and one step to the left, of the length of the radius, is the worst for each of them at once.
    """
    draw, runs, far = np.random.default_rng(0), 4000, np.array(margins)

    def right(count: int, by: float) -> np.ndarray:
        return (draw.standard_normal((runs, count, 1)) > by - far).sum(1)

    found = certified_codes(right(samples, 0.0), samples, sigma=1.0, alpha=alpha, votes=votes)
    wrong = (2 * right(3, radius) > 3) != (found.codes > 0)
    return float((wrong & ~found.open_at(radius)).any(1).mean())


@pytest.mark.parametrize("margins", [[1.5], [1.4, 1.6, 1.8, 2.0, 2.2, 2.4]])
@pytest.mark.parametrize("radius", [0.0, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_votes_break_their_bound_as_seldom_as_stated(margins: list[float], radius: float) -> None:
    alpha, samples = 0.1, 300
    limit = alpha + 3 * (alpha * (1 - alpha) / 4000) ** 0.5
    assert broken(samples, margins, radius, votes=3, alpha=alpha) <= limit


def test_the_ideal_certificate_does_not_hold_for_votes() -> None:
    assert broken(300, [1.4, 1.6, 1.8, 2.0, 2.2, 2.4], 0.8, votes=None, alpha=0.1) > 0.15


@pytest.mark.parametrize("fixed", [1, 3, 8])
def test_votes_on_bits_of_known_margins_come_near_to_what_they_risk(fixed: int) -> None:
    """Eight bits, independent of each other, so that their errors add up, each at a share of the risk."""
    draw, runs, alpha = np.random.default_rng(0), 4000, 0.1
    risk = alpha / 2
    error = 0.97 * risk / fixed
    margin = DeployedVote(votes=3, sigma=1.0, risk=error).margin
    likely = np.full((runs, 8), NormalDist().cdf(margin))
    found = certified_codes(draw.binomial(10**7, likely), 10**7, sigma=1.0, alpha=alpha, votes=3)
    assert ((~found.open_at(0.0)).sum(1) == fixed).all()
    share = ((draw.binomial(3, likely) < 2) & ~found.open_at(0.0)).any(1).mean()
    assert 0.8 * risk < share < 1.2 * risk
