"""Representatives of a label: worked by hand, against loops written out here, and at the edges."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from robusthash.hashing import centre, mainstay

Bank = tuple[Tensor, Tensor]


@st.composite
def banks(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Labels wanted, codes and labels of a small bank; any of them may be all zeros, and none need be relevant."""
    wanted, items, bits, classes = (draw(st.integers(1, top)) for top in (4, 9, 5, 3))
    seed = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    codes = torch.randint(0, 2, (items, bits), generator=seed) * 2 - 1
    return (
        torch.randint(0, 2, (wanted, classes), generator=seed, dtype=torch.uint8),
        codes.to(torch.int8),
        torch.randint(0, 2, (items, classes), generator=seed, dtype=torch.uint8),
    )


def side(weights: list[float], codes: list[list[int]], divisor: float) -> list[float]:
    """The weighted sum over one side, divided; zero without items."""
    return [sum(w * b for w, b in zip(weights, bit, strict=True)) / (divisor or 1) for bit in zip(*codes, strict=True)]


def by_hand(wanted: Tensor, codes: Tensor, labels: Tensor, weight: Callable[[set[int], set[int]], float]) -> Tensor:
    """One query and one bit at a time."""
    bank = codes.tolist()
    sets = [{i for i, flag in enumerate(row) if flag} for row in labels.tolist()]
    rows = []
    for row in wanted.tolist():
        own = {i for i, flag in enumerate(row) if flag}
        relevant = [weight(own, other) if own & other else 0.0 for other in sets]
        irrelevant = [0.0 if own & other else 1.0 for other in sets]
        divisor = sum(relevant) if weight is cosine else sum(1 for own_weight in relevant if own_weight)
        totals = zip(side(relevant, bank, divisor), side(irrelevant, bank, sum(irrelevant)), strict=True)
        rows.append([-1 if plus - minus < -1e-9 else 1 for plus, minus in totals])
    return torch.tensor(rows, dtype=torch.int8)


def cosine(own: set[int], other: set[int]) -> float:
    return len(own & other) / math.sqrt(len(own) * len(other))


@settings(deadline=None, max_examples=60)
@given(banks())
def test_representatives_are_their_formulas(bank: tuple[Tensor, Tensor, Tensor]) -> None:
    assert torch.equal(mainstay(*bank), by_hand(*bank, cosine))
    assert torch.equal(centre(*bank), by_hand(*bank, lambda own, other: 1.0))
    jaccard = by_hand(*bank, lambda own, other: len(own & other) / len(own | other))
    assert torch.equal(centre(*bank, jaccard=True), jaccard)


def test_mainstay_by_hand_and_a_tie_goes_to_plus_one() -> None:
    """``w1 = (1, 0)``, ``w2 = (0, 1)``: the code is the sign of (+, +) - (-, +) = (2, 0)."""
    codes, labels = torch.tensor([[1, 1], [-1, 1]]), torch.tensor([[1, 0], [0, 1]])
    assert mainstay(torch.tensor([[1, 0]]), codes, labels).tolist() == [[1, 1]]
    assert mainstay(torch.tensor([[0, 1]]), codes, labels).tolist() == [[-1, 1]]


def test_cosine_weighs_labels_that_agree_more() -> None:
    """y = (1, 1, 0): items of weight 1, 1/sqrt 2 and 1/sqrt 2; the one that agrees in full loses to both others."""
    codes = torch.tensor([[1], [-1], [-1]])
    labels = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 1, 0]])
    assert mainstay(torch.tensor([[1, 1, 0]]), codes, labels).item() == -1
    assert mainstay(torch.tensor([[1, 1, 0]]), codes[:2], labels[:2]).item() == 1


def test_jaccard_changes_the_centre() -> None:
    """One item agrees in full, two by a third: the plain majority is -1, the weighted one +1."""
    codes = torch.tensor([[1], [-1], [-1]])
    labels = torch.tensor([[1, 0, 0], [1, 1, 1], [1, 1, 1]])
    wanted = torch.tensor([[1, 0, 0]])
    assert centre(wanted, codes, labels).item() == -1
    assert centre(wanted, codes, labels, jaccard=True).item() == 1


@pytest.mark.parametrize("representative", [centre, mainstay])
def test_no_side_need_have_items(representative: Callable[..., Tensor]) -> None:
    codes = torch.tensor([[1, -1], [-1, -1]], dtype=torch.int8)
    everyone, nobody = torch.ones(2, 1), torch.zeros(2, 1)
    assert representative(torch.ones(1, 1), codes, everyone).tolist() == [[1, -1]]
    assert representative(torch.ones(1, 1), codes, nobody).tolist() == [[1, 1]]
    assert representative(torch.zeros(1, 1), codes, everyone).tolist() == [[1, 1]]
    assert representative(torch.zeros(0, 1), codes, everyone).shape == (0, 2)


@pytest.mark.parametrize("representative", [centre, mainstay])
def test_ties_do_not_hang_on_rounding(representative: Callable[..., Tensor]) -> None:
    """Equal shares of +1 and -1 on each side, in any order, with weights that have no exact binary form."""
    rows = [(1, [1, 0, 0]), (-1, [1, 0, 0]), (1, [1, 1, 1]), (-1, [1, 1, 1]), (1, [0, 1, 0]), (-1, [0, 1, 0])]
    for order in itertools.permutations(rows):
        codes, labels = torch.tensor([[bit] for bit, _ in order]), torch.tensor([label for _, label in order])
        assert representative(torch.tensor([[1, 0, 0]]), codes, labels).item() == 1


def test_the_code_is_the_best_of_all_codes() -> None:
    """No code has a smaller weighted distance to the relevant items less that to the irrelevant ones."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 2, (12, 4), generator=generator) * 2 - 1
    labels = torch.eye(3)[torch.arange(12) % 3]
    found = centre(labels[:1], codes, labels)[0]
    relevant = labels @ labels[0] > 0

    def cost(code: Tensor) -> float:
        distance = (codes != code).sum(1).double()
        return float(distance[relevant].mean() - distance[~relevant].mean())

    every = [torch.tensor(code) for code in itertools.product((-1, 1), repeat=4)]
    assert cost(found) == pytest.approx(min(cost(code) for code in every))
