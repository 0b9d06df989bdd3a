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
from robusthash.metrics.certified import CertifiedCodes, certified_average_precision, certified_codes
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
    ("samples", "alpha", "sigma"), [(0, 0.1, 1), (9, 0, 1), (9, 1, 1), (9, 0.1, 0), (9, 0.1, np.nan)]
)
def test_what_decides_nothing_is_refused(samples: int, alpha: float, sigma: float) -> None:
    with pytest.raises(OptionError, match="samples"):
        certified_codes(np.array([[1]]), samples, sigma=sigma, alpha=alpha)


def test_bits_that_are_open_are_counted() -> None:
    found = CertifiedCodes(codes=np.ones((1, 4), np.int8), radii=np.array([[0.0, 0.0, 0.2, 0.3]]))
    assert found.abstained == 0.5
    assert found.open_at(0.2).tolist() == [[True, True, True, False]]
