"""Fuzzy c-means finds what was planted, from any start, and its clusters are matched to classes by label."""

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.testing.contracts.attacks.witnesses import global_randomness
from robusthash_crossmodal.fuzzy import class_prototypes, fuzzy_c_means, matched


def planted(clusters: int, each: int, *, bits: int = 16, noise: float = 0.3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Centres (clusters, bits) of +-1, and points around them, ``each`` for every centre in turn."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randint(2, (clusters, bits), generator=generator) * 2.0 - 1
    points = centres.repeat(each, 1)
    return centres, points + noise * torch.randn(points.shape, generator=generator)


def starts(points: Tensor, clusters: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    first = points[::clusters]  # all of one cluster
    return {
        "some of the points": points[torch.randperm(len(points), generator=generator)[:clusters]],
        "one point for all": points[:1].repeat(clusters, 1),
        "all in one cluster": first[:clusters],
        "far away": 50 + torch.randn(clusters, points.shape[1], generator=generator),
        "the origin": torch.zeros(clusters, points.shape[1]),
    }


@pytest.mark.parametrize("m", [1.0, 1.01, 1.2])
@pytest.mark.parametrize("start", list(starts(torch.zeros(40, 4), 8)))
def test_planted_clusters_are_found_from_any_start(m: float, start: str) -> None:
    centres, points = planted(8, 25)
    found = fuzzy_c_means(points, starts(points, 8)[start], m=m)
    distances = torch.cdist(centres.double(), found.centres)
    assert sorted(distances.argmin(1).tolist()) == list(range(8)), "each planted centre has one of its own"
    assert float(distances.amin(1).max()) < 0.5
    # Of a fuzzy cluster a share is elsewhere.
    assert torch.equal(found.memberships.argmax(1), distances.argmin(1).repeat(25))


def test_the_two_steps_are_those_of_the_definition() -> None:
    """At a fixed point, memberships and centres follow from each other by Bezdek's formulas, spelt out here."""
    _, points = planted(3, 12, bits=4, noise=0.8)
    m = 1.7
    found = fuzzy_c_means(points, points[:3], m=m)
    x, v, u = points.double().numpy(), found.centres.numpy(), found.memberships.numpy()
    for i in range(len(x)):
        for c in range(3):
            ratios = [(np.linalg.norm(x[i] - v[c]) / np.linalg.norm(x[i] - v[k])) ** (2 / (m - 1)) for k in range(3)]
            assert u[i, c] == pytest.approx(1 / sum(ratios), abs=1e-6)
    for c in range(3):
        weights = u[:, c] ** m
        np.testing.assert_allclose(v[c], (weights[:, None] * x).sum(0) / weights.sum(), atol=1e-5)
    assert found.cost == pytest.approx(
        sum(u[i, c] ** m * np.sum((x[i] - v[c]) ** 2) for i in range(len(x)) for c in range(3))
    )


def test_at_the_limit_memberships_are_hard_and_nearly_hard_just_above_it() -> None:
    _, points = planted(4, 10)
    hard = fuzzy_c_means(points, points[:4], m=1.0).memberships
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(fuzzy_c_means(points, points[:4], m=1.01).memberships, hard, atol=1e-6, rtol=0)


def test_nobodys_random_numbers_are_touched() -> None:
    before = global_randomness()
    fuzzy_c_means(*(planted(3, 5)[1][:k] for k in (15, 3)))
    assert global_randomness() == before


@pytest.mark.parametrize(("m", "count"), [(0.99, 3), (1.5, 0)])
def test_what_cannot_be_clustered_is_refused(m: float, count: int) -> None:
    with pytest.raises(ValueError, match=f"m={m}, {count} points"):
        fuzzy_c_means(torch.zeros(count, 2), torch.zeros(2, 2), m=m)


def test_clusters_are_matched_to_classes_by_their_items() -> None:
    """Whatever the order of the clusters, and one to one even where two classes prefer the same."""
    labels = torch.eye(3).repeat(4, 1)
    weights = labels / labels.sum(0)
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        memberships = labels[:, order]
        assert matched(weights, memberships).tolist() == [order.index(c) for c in range(3)]
    torn = torch.tensor([[0.6, 0.4], [0.9, 0.1]])
    assert matched(torch.eye(2), torn).tolist() == [1, 0]


def test_prototypes_of_classes_are_the_planted_codes_even_with_several_labels() -> None:
    centres, points = planted(6, 30)
    labels = torch.eye(6, dtype=torch.uint8).repeat(30, 1)
    second = torch.arange(len(labels)) % 7 == 0  # a few items have the next class, too, and not its code
    labels[second] |= labels[second].roll(1, dims=1)
    shuffle = torch.tensor([4, 0, 5, 2, 1, 3])
    found = class_prototypes(points.sign(), labels[:, shuffle])
    assert torch.equal(found, centres[shuffle].to(torch.int8))


def test_a_class_without_items_has_no_prototype() -> None:
    codes = torch.tensor([[1, -1], [1, -1]], dtype=torch.int8)
    assert class_prototypes(codes, torch.tensor([[0, 1], [0, 1]])).tolist() == [[0, 0], [1, -1]]
    assert not class_prototypes(codes, torch.zeros(2, 3)).any()
