"""Searches of descriptors, checked against brute force up to the rounding of float32."""

import pytest
import torch

from robusthash.contracts import Retriever, Space
from robusthash.errors import UsageError
from robusthash.testing.brute_force import off, random_items, slow_distances, slow_ranking
from robusthash.testing.contracts.retrievers.fixtures import FEW_SPACES, VECTOR_SPACES, RetrieverFixtures, served


class DescriptorSearch(RetrieverFixtures):
    """Tests of searches of descriptors."""

    @pytest.mark.parametrize("space", VECTOR_SPACES, ids=str)
    @pytest.mark.parametrize("distinct", [None, 40], ids=["spread", "tied"])
    def test_descriptors_agree_with_brute_force(self, retriever: Retriever, space: Space, distinct: int | None) -> None:
        """Distances are right up to the rounding of float32; copies of an item are tied, and go by ascending id."""
        served(retriever, space)
        database = random_items(700, space, seed=1, distinct=distinct)
        queries = torch.cat([random_items(23, space, seed=2), database[:5], torch.zeros(1, space.size)])
        index = retriever.index(database, space)
        truth = slow_ranking(queries, database, space)
        table = slow_distances(queries, database, space)
        same = torch.unique(database, dim=0, return_inverse=True)[1]
        whole = index.search(queries, 700)
        for k in (1, 2, 10, 333, 699, 700):
            found = index.search(queries, k)
            own = table.gather(1, found.ids)
            assert float(off(found.distances, own, space, queries, database).amax()) <= 1, f"distances at k = {k}"
            assert all(len(set(row)) == k for row in found.ids.tolist()), f"an item comes twice at k = {k}"
            steps = found.distances.diff(dim=1)
            assert bool((steps >= 0).all()), f"not nearest first at k = {k}"
            assert bool((found.ids.diff(dim=1)[steps == 0] > 0).all()), f"ties at k = {k} do not go by ascending id"
            copies = same[found.ids].diff(dim=1) == 0
            assert bool((steps[copies] == 0).all()), f"copies of an item are not tied at k = {k}"
            if retriever.capabilities.exact:
                true = truth.distances[:, :k]
                assert float(off(found.distances, true, space, queries, database).amax()) <= 1, f"missed at k = {k}"
                assert torch.equal(found.ids, whole.ids[:, :k]), f"k = {k} is not the head of the whole ranking"

    @pytest.mark.parametrize("space", VECTOR_SPACES, ids=str)
    def test_within_agrees_with_brute_force_on_descriptors(self, retriever: Retriever, space: Space) -> None:
        """A ball is the head of the ranking: radius 0 is the copies, and an endless one everything."""
        served(retriever, space)
        database = random_items(300, space, seed=3, distinct=50)
        queries = torch.cat([database[:4], random_items(9, space, seed=4)])
        index = retriever.index(database, space)
        if not retriever.capabilities.radius:
            with pytest.raises(UsageError, match="radius"):
                index.within(queries, 0.5)
            return
        ranking = index.search(queries, len(database))
        table = slow_distances(queries, database, space)
        for radius in (0.0, 0.1, float(ranking.distances.median()), 1e9):
            found = index.within(queries, radius)
            inside = ranking.distances <= radius
            assert bool((found.distances <= radius).all())
            rows = torch.arange(len(queries)).repeat_interleave(found.offsets.diff())
            own = table[rows, found.ids]
            wrong = off(found.distances[:, None], own[:, None], space, queries, database)
            assert not bool((wrong > 1).any()), f"distances of the ids at radius {radius}"
            if retriever.capabilities.exact:
                assert torch.equal(found.offsets.diff(), inside.sum(1)), f"counts at radius {radius}"
                assert torch.equal(found.distances, ranking.distances[inside]), f"distances at radius {radius}"
                assert torch.equal(found.ids, ranking.ids[inside]), f"order at radius {radius}"

    def test_length_does_not_matter_to_cosine(self, retriever: Retriever) -> None:
        """A descriptor of twice the length has the same direction, so the same neighbours."""
        space = served(retriever, FEW_SPACES[1])
        database, queries = random_items(500, space, seed=5, distinct=60), random_items(20, space, seed=6)
        index = retriever.index(database, space)
        assert torch.equal(index.search(queries, 100).ids, index.search(2 * queries, 100).ids)
