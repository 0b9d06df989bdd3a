"""The closed forms over ties, each against its definition in fractions or sums."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from robusthash.metrics import ties


def fraction_sum(terms: list[Fraction]) -> float:
    return float(sum(terms, Fraction(0)))


@pytest.mark.parametrize("before", [0, 1, 5, 62, 63, 64, 65, 66, 1000])
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 200])
def test_reciprocal_sums_are_exact_on_both_sides_of_the_table(before: int, count: int) -> None:
    wanted = fraction_sum([Fraction(1, before + j) for j in range(1, count + 1)])
    assert ties.reciprocal_sum(np.array([before]), np.array([count]))[0] == pytest.approx(wanted, rel=4e-15, abs=0)


def test_expected_sums_are_means_over_all_orders() -> None:
    for before, hits_before, size in ((0, 0, 5), (3, 1, 6), (70, 33, 4)):
        for relevant in range(size + 1):
            for places in range(size + 1):
                values = []
                for hits in combinations(range(size), relevant):
                    seen, total = hits_before, Fraction(0)
                    for place in range(places):
                        if place in hits:
                            seen += 1
                            total += Fraction(seen, before + place + 1)
                    values.append(total)
                found = ties.expected_sum(*(np.array([v]) for v in (before, hits_before, size, relevant, places)))
                wanted = float(sum(values) / len(values))
                assert found[0] == pytest.approx(wanted, abs=1e-14), (before, size, relevant, places)


def test_an_empty_bucket_contributes_nothing() -> None:
    zero, three = np.array([0]), np.array([3])
    assert ties.expected_sum(three, three, zero, zero, zero).tolist() == [0.0]
    assert ties.run_sum(three, zero, zero).tolist() == [0.0]


@pytest.mark.parametrize(("before", "hits_before", "hits"), [(0, 0, 4), (7, 2, 5), (100, 99, 3)])
def test_run_sums(before: int, hits_before: int, hits: int) -> None:
    wanted = fraction_sum([Fraction(hits_before + j, before + j) for j in range(1, hits + 1)])
    found = ties.run_sum(np.array(before), np.array(hits_before), np.array(hits))
    assert float(found) == pytest.approx(wanted, rel=1e-14)


def law(function: str, size: int, relevant: int, third: int, low: int, high: int) -> np.ndarray:
    ((rows, values, inside),) = ties.grids(np.array([low]), np.array([high]))
    assert rows.tolist() == [0]
    columns = (np.array([[float(v)]]) for v in (size, relevant, third))
    return np.asarray(getattr(ties, function)(values, inside, *columns))[0]


@pytest.mark.parametrize(("n", "r", "m"), [(1, 1, 1), (6, 3, 2), (6, 4, 5), (30, 11, 17), (30, 0, 4), (8, 8, 3)])
def test_the_hypergeometric_law(n: int, r: int, m: int) -> None:
    low, high = max(0, m - (n - r)), min(m, r)
    wanted = [math.comb(r, h) * math.comb(n - r, m - h) / math.comb(n, m) for h in range(low, high + 1)]
    assert law("hypergeometric", n, r, m, low, high) == pytest.approx(wanted, abs=1e-14)


@pytest.mark.parametrize(("n", "r", "hit"), [(1, 1, 1), (6, 3, 1), (6, 3, 3), (30, 11, 7), (9, 9, 4), (40, 2, 2)])
def test_the_negative_hypergeometric_law(n: int, r: int, hit: int) -> None:
    low, high = hit, n - r + hit
    wanted = [math.comb(x - 1, hit - 1) * math.comb(n - x, r - hit) / math.comb(n, r) for x in range(low, high + 1)]
    assert law("negative_hypergeometric", n, r, hit, low, high) == pytest.approx(wanted, abs=1e-14)


def negative_hypergeometric_mass(n: int, r: int, hit: int) -> tuple[np.ndarray, np.ndarray]:
    """All places where the hit can stand, and how likely it is to."""
    places = np.arange(hit, n - r + hit + 1)
    log = np.vectorize(math.lgamma)
    logs = log(places) - log(places - hit + 1) + log(n - places + 1) - log(n - places - r + hit + 1)
    mass = np.exp(logs - logs.max())
    return places, mass / mass.sum()


@pytest.mark.parametrize(
    ("n", "r", "hit"),
    [
        (20, 5, 1),
        (4000, 60, 1),
        (4000, 60, 30),
        (4000, 60, 60),
        (24000, 12000, 6000),
        (24000, 12000, 5252),
        (30011, 20023, 9001),
    ],
)
def test_the_window_is_forty_deviations_of_the_law_to_either_side(n: int, r: int, hit: int) -> None:
    places, mass = negative_hypergeometric_mass(n, r, hit)
    mean = float(mass @ places)
    reach = math.ceil(40 * math.sqrt(float(mass @ (places - mean) ** 2))) + 1
    low, high = (end[0] for end in ties.place_window(*(np.array([v]) for v in (n, r, hit))))
    assert low == max(hit, math.floor(mean) - reach)
    assert high == min(n - r + hit, math.ceil(mean) + reach)
    assert mass[(places < low) | (places > high)].sum() < 1e-15


def test_rows_of_other_sizes_do_not_disturb_a_law() -> None:
    columns = [np.array(column) for column in ((100_000, 6, 60_000), (40_000, 3, 20_000), (50_000, 2, 50))]
    low, high = np.maximum(0, columns[2] - columns[0] + columns[1]), np.minimum(columns[1], columns[2])
    ((rows, hits, inside),) = ties.grids(low, high)
    together = ties.hypergeometric(hits, inside, *(column[rows, None] for column in columns))
    assert together.sum(1) == pytest.approx([1, 1, 1], abs=1e-12)
    for row, values, kept in zip(rows.tolist(), together, inside, strict=True):
        n, r, m = (int(column[row]) for column in columns)
        alone = law("hypergeometric", n, r, m, int(low[row]), int(high[row]))
        np.testing.assert_allclose(values[kept], alone, rtol=1e-9, atol=1e-300)


def test_grids_cover_every_row_once_with_rows_of_like_length_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ties, "_CELLS", 12)
    low = np.array([0, 5, 2, 7, 3])
    high = np.array([0, 9, 4, 7, 4])
    found, seen = {}, []
    for rows, grid, inside in ties.grids(low, high):
        assert grid.shape == inside.shape == (len(rows), int((high - low + 1)[rows].max()))
        assert grid.size <= 12
        seen.append(len(rows))
        for row, values, kept in zip(rows.tolist(), grid, inside, strict=True):
            assert row not in found
            found[row] = values[kept].tolist()
            assert (values[~kept] == high[row]).all()
    assert found == {row: list(map(float, range(low[row], high[row] + 1))) for row in range(5)}
    assert seen == [2, 3], "as many rows at once as fit"


def test_a_row_wider_than_a_grid_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ties, "_CELLS", 3)
    assert [rows.tolist() for rows, _, _ in ties.grids(np.array([0, 0]), np.array([9, 8]))] == [[0], [1]]
    assert not list(ties.grids(np.zeros(0, np.int64), np.zeros(0, np.int64)))


def test_rows_of_equal_length_stay_in_order() -> None:
    high = np.arange(60) % 2
    ((rows, _, _),) = ties.grids(np.zeros(60, np.int64), high)
    assert rows.tolist() == [*range(1, 60, 2), *range(0, 60, 2)]
