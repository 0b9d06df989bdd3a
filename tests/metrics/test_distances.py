"""Distances of descriptors in whole numbers: right, and the same whatever is computed beside them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robusthash.contracts import Distance, Space
from robusthash.errors import ContractError
from robusthash.metrics.counting.distances import DescriptorDistances
from robusthash.testing.brute_force import off, random_items, slow_distances

VECTORS = (Distance.COSINE, Distance.L2)


def space(distance: Distance, size: int) -> Space:
    return Space(distance=distance, size=size)


@given(
    distance=st.sampled_from(VECTORS),
    size=st.sampled_from([1, 2, 7, 64, 300]),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e9]),
    far=st.sampled_from([1e-4, 1.0, 30.0, 1e8]),
)
def test_they_are_the_distances_of_the_definition(
    distance: Distance, size: int, seed: int, scale: float, far: float
) -> None:
    where = space(distance, size)
    items, queries = scale * random_items(50, where, seed=seed), scale * far * random_items(6, where, seed=seed + 1)
    found = DescriptorDistances(items, where).table(queries)
    true = slow_distances(queries, items, where)
    for row in range(6):  # one at a time: how much may be off is a matter of the query's length
        assert float(off(found[row], true[row], where, queries[row : row + 1], items).amax()) <= 0.25


@pytest.mark.parametrize("distance", VECTORS)
def test_the_batch_and_the_block_change_nothing(distance: Distance, monkeypatch: pytest.MonkeyPatch) -> None:
    where = space(distance, 33)
    items, queries = random_items(200, where, seed=1), random_items(20, where, seed=2)
    queries[3] *= 1000  # of a coarser grid than the others
    measured = DescriptorDistances(items, where)
    table = measured.table(queries)
    for row in range(20):
        assert torch.equal(measured.table(queries[row : row + 1])[0], table[row])
    order = torch.randperm(200, generator=torch.Generator().manual_seed(3))
    assert torch.equal(DescriptorDistances(items[order], where).table(queries), table[:, order])
    ids = torch.randint(0, 200, (20, 17), generator=torch.Generator().manual_seed(4))
    assert torch.equal(measured.of(queries, ids), table.gather(1, ids))
    monkeypatch.setattr("robusthash.metrics.counting.distances._BLOCK", 1)
    assert torch.equal(measured.table(queries), table)
    assert torch.equal(measured.of(queries, ids), table.gather(1, ids))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("distance", VECTORS)
def test_a_gpu_gives_the_same_bytes(distance: Distance) -> None:
    where = space(distance, 200)
    items, queries = random_items(5000, where, seed=5), random_items(60, where, seed=6)
    queries[3] *= 1000
    there = DescriptorDistances(items, where, "cuda").table(queries)
    assert torch.equal(there.cpu(), DescriptorDistances(items, where).table(queries))


@pytest.mark.parametrize("distance", VECTORS)
def test_an_item_is_at_no_distance_from_itself_and_copies_are_tied(distance: Distance) -> None:
    where = space(distance, 40)
    items = random_items(60, where, seed=7, distinct=20)
    table = DescriptorDistances(items, where).table(items)
    same = (items[:, None, :] == items[None, :, :]).all(2)
    assert torch.equal(table == 0, same)
    queries = random_items(9, where, seed=8)
    columns = DescriptorDistances(items, where).table(queries).T
    for left in range(60):
        for right in torch.nonzero(same[left]).flatten().tolist():
            assert torch.equal(columns[left], columns[right])


def test_a_zero_descriptor_is_at_cosine_distance_one_from_all() -> None:
    items = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-2.0, 0.0]])
    table = DescriptorDistances(items, space(Distance.COSINE, 2)).table(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    assert table.tolist() == [[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]]
    none = DescriptorDistances(torch.zeros(2, 2), space(Distance.COSINE, 2)).table(torch.tensor([[1.0, 2.0]]))
    assert none.tolist() == [[1.0, 1.0]]


def test_worked_euclidean_distances() -> None:
    items = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    measured = DescriptorDistances(items, space(Distance.L2, 2))
    assert measured.table(torch.tensor([[0.0, 0.0], [6.0, 8.0]])).tolist() == [[0.0, 5.0], [10.0, 5.0]]
    assert measured.squared(torch.tensor([5.0])).tolist() == [25.0]
    assert DescriptorDistances(0 * items, space(Distance.L2, 2)).table(items).tolist() == [[0.0, 0.0], [5.0, 5.0]]


def test_an_outlier_coarsens_no_more_than_its_share() -> None:
    items, queries = random_items(50, space(Distance.L2, 16), seed=9), random_items(5, space(Distance.L2, 16), seed=10)
    items[0] *= 1000
    found = DescriptorDistances(items, space(Distance.L2, 16)).table(queries)
    true = slow_distances(queries, items, space(Distance.L2, 16))
    assert float((found / true - 1).abs().amax()) < 1e-4


def test_misuse_is_refused() -> None:
    items = torch.zeros(2, 3)
    with pytest.raises(ContractError, match="histograms"):
        DescriptorDistances(items, Space.hamming(3))
    with pytest.raises(ContractError, match="not descriptors of 4 dimensions"):
        DescriptorDistances(items, space(Distance.L2, 4))
    measured = DescriptorDistances(items, space(Distance.L2, 3))
    with pytest.raises(ContractError, match="NaN"):
        measured.table(torch.full((1, 3), np.inf))
