"""Searches of codes, checked against brute force."""

import pytest
import torch

from robusthash.contracts import Retriever, Space
from robusthash.errors import UsageError
from robusthash.testing.brute_force import random_items, slow_ball, slow_distances, slow_ranking
from robusthash.testing.contracts.retrievers.fixtures import LENGTHS, RetrieverFixtures, served


class CodeSearch(RetrieverFixtures):
    """Tests of searches of codes."""

    @pytest.mark.parametrize("bits", LENGTHS)
    @pytest.mark.parametrize("distinct", [None, 40], ids=["spread", "tied"])
    def test_agrees_with_brute_force(self, retriever: Retriever, bits: int, distinct: int | None) -> None:
        """An exact search is brute force, ties by ascending id; any search reports true distances in order."""
        space = served(retriever, Space.hamming(bits))
        database = random_items(700, space, seed=1, distinct=distinct)
        queries = torch.cat([random_items(23, space, seed=2), database[:5]])
        index = retriever.index(database, space)
        truth = slow_ranking(queries, database, space)
        table = slow_distances(queries, database, space)
        for k in (1, 2, 10, 333, 699, 700):
            found = index.search(queries, k)
            if retriever.capabilities.exact:
                assert torch.equal(found.distances, truth.distances[:, :k]), f"distances at k = {k}"
                assert torch.equal(found.ids, truth.ids[:, :k]), f"ties at k = {k} do not go by ascending id"
                continue
            whole = retriever.capabilities.complete
            assert not whole or bool((found.returned == k).all()), f"fewer items at k = {k}"
            for row, (distances, ids) in enumerate(zip(found.distances, found.ids, strict=True)):
                there = ids >= 0
                assert torch.equal(table[row, ids[there]], distances[there]), f"distances at k = {k}"
                assert bool((distances[there].diff() >= 0).all()), f"not nearest first at k = {k}"
                assert len(set(ids[there].tolist())) == int(there.sum()), f"an item comes twice at k = {k}"

    @pytest.mark.parametrize("bits", LENGTHS)
    def test_within_agrees_with_brute_force(self, retriever: Retriever, bits: int) -> None:
        """A ball is closed: radius 0 is the duplicates, radius ``bits`` everything."""
        space = served(retriever, Space.hamming(bits))
        database = random_items(300, space, seed=3, distinct=50)
        queries = torch.cat([database[:4], random_items(9, space, seed=4)])
        index = retriever.index(database, space)
        if not retriever.capabilities.radius:
            with pytest.raises(UsageError, match="radius"):
                index.within(queries, 2)
            return
        table = slow_distances(queries, database, space)
        for radius in (0, 1, 2, bits // 2, bits, bits + 3):
            found = index.within(queries, radius)
            truth = slow_ball(queries, database, space, radius)
            if not retriever.capabilities.exact:
                assert len(found.ids) <= len(truth.ids)
                assert bool((found.distances <= radius).all())
                rows = torch.arange(len(queries)).repeat_interleave(found.offsets.diff())
                assert torch.equal(table[rows, found.ids], found.distances), f"distances of the ids at radius {radius}"
                continue
            assert torch.equal(found.offsets, truth.offsets), f"counts at radius {radius}"
            assert torch.equal(found.distances, truth.distances), f"distances at radius {radius}"
            assert torch.equal(found.ids, truth.ids), f"order at radius {radius}"

    @pytest.mark.parametrize("bits", [16, 64])
    def test_one_mask_on_all_codes_changes_nothing(self, retriever: Retriever, bits: int) -> None:
        """Flipping the same bits of queries and database keeps every distance, so it keeps every answer."""
        space = served(retriever, Space.hamming(bits))
        if not retriever.capabilities.exact:
            pytest.skip("an approximate index may depend on the codes themselves")
        database, queries = random_items(500, space, seed=5, distinct=60), random_items(20, space, seed=6)
        mask = random_items(1, space, seed=7)
        plain = retriever.index(database, space).search(queries, 100)
        masked = retriever.index(database ^ mask, space).search(queries ^ mask, 100)
        assert torch.equal(plain.distances, masked.distances)
        assert torch.equal(plain.ids, masked.ids)
