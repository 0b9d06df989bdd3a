"""The target selector: who is pulled where, and that it never depends on who else is asked."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays

from robusthash.adversary import Targets, TargetSelector
from robusthash.contracts import Space
from robusthash.errors import DatasetError, OptionError
from robusthash.hashing import pack

CLASSES = 4
labels = arrays("uint8", st.tuples(st.integers(1, 40), st.just(CLASSES)), elements=st.integers(0, 1))


def select(query: torch.Tensor, database: torch.Tensor, *, seed: int = 0, voters: int = 9) -> Targets:
    return TargetSelector(seed=seed, voters=voters).select(query, torch.arange(len(query)), database)


@given(labels, labels.filter(lambda a: bool(a.any())), st.integers(0, 100))
def test_what_every_choice_keeps(query: np.ndarray, database: np.ndarray, seed: int) -> None:
    chosen = TargetSelector(seed=seed).select(
        torch.from_numpy(query), torch.arange(len(query)), torch.from_numpy(database)
    )
    usable = database[database.any(axis=1)]
    for own, target, anchors in zip(query, chosen.labels.numpy(), chosen.anchors.numpy(), strict=True):
        assert target.any(), "the zero vector is never a target"
        overlaps = (usable & own).sum(axis=1)
        assert (target & own).sum() == overlaps.min(), "disjoint where it can be, else of least overlap"
        present = anchors[anchors >= 0]
        assert len(set(present.tolist())) == len(present)
        assert (database[present] == target).all()
        pool = int((database == target).all(axis=1).sum())
        assert len(present) == min(9, pool if pool % 2 else pool - 1)
        assert (anchors[len(present) :] == -1).all()
        rich = [v for v in np.unique(usable, axis=0) if (database == v).all(axis=1).sum() >= 9 and not (v & own).any()]
        assert len(present) == 9 or not rich, "labels with too few items only where there is no other"


def _world() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    database = (torch.rand(300, CLASSES, generator=generator) < 0.4).to(torch.uint8)
    query = (torch.rand(30, CLASSES, generator=generator) < 0.4).to(torch.uint8)
    return query, database


def test_a_query_s_target_does_not_depend_on_who_else_is_asked() -> None:
    query, database = _world()
    selector, ids = TargetSelector(seed=3), torch.arange(30)
    whole = selector.select(query, ids, database)
    for rows in (torch.randperm(30, generator=torch.Generator().manual_seed(1)), torch.tensor([7]), ids[10:20]):
        part = selector.select(query[rows], ids[rows], database)
        assert torch.equal(part.labels, whole.labels[rows])
        assert torch.equal(part.anchors, whole.anchors[rows])


def test_seeds_and_queries_draw_differently() -> None:
    query, database = _world()
    same = query[:1].expand(30, CLASSES)
    one, two = select(same, database, seed=0), select(same, database, seed=1)
    assert len(set(map(tuple, one.labels.tolist()))) > 1
    assert not torch.equal(one.anchors, two.anchors)


def test_every_candidate_label_is_as_likely_as_any_other() -> None:
    """Labels are drawn from the distinct vectors, however many items carry each."""
    eye = torch.eye(CLASSES, dtype=torch.uint8)
    database = torch.cat([eye[[1]].repeat(9, 1), eye[[2]].repeat(90, 1), eye[[3]].repeat(400, 1)])
    drawn = select(eye[[0]].repeat(600, 1), database).labels.sum(0)
    # Each of three labels 200 times on average, with a standard deviation of 11.5.
    assert drawn[0] == 0
    assert (drawn[1:] - 200).abs().max() < 5 * 11.5


def test_anchor_codes_are_those_of_the_anchors_and_zero_for_absent_voters() -> None:
    targets = Targets(labels=torch.ones(2, 1, dtype=torch.uint8), anchors=torch.tensor([[2, 0, 1], [1, -1, -1]]))
    codes = torch.tensor([[1, 1], [-1, 1], [-1, -1]], dtype=torch.int8)
    found = targets.anchor_codes(pack(codes), Space.hamming(2))
    assert found.dtype == torch.int8
    assert found.tolist() == [[[-1, -1], [1, 1], [-1, 1]], [[-1, 1], [0, 0], [0, 0]]]


def test_a_database_without_labels_is_refused() -> None:
    with pytest.raises(DatasetError, match="no item of the database has a label"):
        select(torch.ones(1, 2, dtype=torch.uint8), torch.zeros(5, 2, dtype=torch.uint8))


@pytest.mark.parametrize("voters", [0, -1, 4])
def test_voters_are_odd(voters: int) -> None:
    with pytest.raises(OptionError, match="odd"):
        TargetSelector(seed=0, voters=voters)
