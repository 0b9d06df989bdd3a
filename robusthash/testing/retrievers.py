"""The tests that every retriever must pass: subclass :class:`RetrieverContract` and give the ``retriever`` fixture.

::

    class TestMine(RetrieverContract):
        @pytest.fixture
        def retriever(self) -> Retriever:
            return Mine(probes=8)
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Ball, Index, Neighbours, Retriever
from robusthash.errors import UsageError
from robusthash.hashing import pack, unpack

LENGTHS = (12, 16, 32, 48, 64, 100, 128)  #: code lengths tried, with and without padding


def random_codes(count: int, bits: int, *, seed: int, distinct: int | None = None) -> Tensor:
    """Packed random codes.

    Args:
        count: number of codes.
        bits: code length.
        seed: of the draw.
        distinct: draw from so many codes only, which makes ties.

    Returns:
        (count, ceil(bits / 8)) uint8.
    """
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 2, (distinct or count, bits), generator=generator) * 2 - 1
    if distinct:
        codes = codes[torch.randint(0, distinct, (count,), generator=generator)]
    return pack(codes)


def slow_distances(queries: Tensor, database: Tensor, bits: int) -> Tensor:
    """Hamming distances bit by bit: (queries, database) int64. Obvious, slow, and independent of every search."""
    left, right = unpack(queries, bits), unpack(database, bits)
    return torch.stack([(query != right).sum(1) for query in left])


def slow_ranking(queries: Tensor, database: Tensor, bits: int) -> Neighbours:
    """The whole database for each query, by ascending (distance, id)."""
    distances = slow_distances(queries, database, bits)
    every = np.arange(len(database))
    order = torch.from_numpy(np.stack([np.lexsort((every, row)) for row in distances.numpy()]))
    return Neighbours(distances=distances.gather(1, order), ids=order)


def slow_ball(queries: Tensor, database: Tensor, bits: int, radius: int) -> Ball:
    """All items within a radius, by ascending (distance, id)."""
    ranking = slow_ranking(queries, database, bits)
    inside = ranking.distances <= radius
    return Ball(
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), inside.sum(1).cumsum(0)]),
        distances=ranking.distances[inside],
        ids=ranking.ids[inside],
    )


class RetrieverContract:
    """What a retriever promises by its capabilities, checked against brute force."""

    @pytest.fixture
    def retriever(self) -> Retriever:
        """The retriever under test; a subclass overrides this."""
        pytest.skip("give the fixture `retriever` in a subclass")

    @pytest.mark.parametrize("bits", LENGTHS)
    @pytest.mark.parametrize("distinct", [None, 40], ids=["spread", "tied"])
    def test_agrees_with_brute_force(self, retriever: Retriever, bits: int, distinct: int | None) -> None:
        """An exact search is brute force, ties by ascending id; any search reports true distances in order."""
        database = random_codes(700, bits, seed=1, distinct=distinct)
        queries = torch.cat([random_codes(23, bits, seed=2), database[:5]])
        index = retriever.index(database, bits)
        truth = slow_ranking(queries, database, bits)
        table = slow_distances(queries, database, bits)
        for k in (1, 2, 10, 333, 699, 700):
            found = index.search(queries, k)
            if retriever.capabilities.exact:
                assert torch.equal(found.distances, truth.distances[:, :k]), f"distances at k = {k}"
                assert torch.equal(found.ids, truth.ids[:, :k]), f"ties at k = {k} do not go by ascending id"
            else:
                assert torch.equal(table.gather(1, found.ids), found.distances), f"distances at k = {k}"
                assert bool((found.distances.diff(dim=1) >= 0).all()), f"not nearest first at k = {k}"
                assert all(len(set(row)) == k for row in found.ids.tolist()), f"an item comes twice at k = {k}"

    @pytest.mark.parametrize("bits", LENGTHS)
    def test_within_agrees_with_brute_force(self, retriever: Retriever, bits: int) -> None:
        """A ball is closed: radius 0 is the duplicates, radius ``bits`` everything."""
        database = random_codes(300, bits, seed=3, distinct=50)
        queries = torch.cat([database[:4], random_codes(9, bits, seed=4)])
        index = retriever.index(database, bits)
        if not retriever.capabilities.radius:
            with pytest.raises(UsageError, match="radius"):
                index.within(queries, 2)
            return
        for radius in (0, 1, 2, bits // 2, bits, bits + 3):
            found = index.within(queries, radius)
            truth = slow_ball(queries, database, bits, radius)
            if not retriever.capabilities.exact:
                assert len(found.ids) <= len(truth.ids)
                assert bool((found.distances <= radius).all())
                continue
            assert torch.equal(found.offsets, truth.offsets), f"counts at radius {radius}"
            assert torch.equal(found.distances, truth.distances), f"distances at radius {radius}"
            assert torch.equal(found.ids, truth.ids), f"order at radius {radius}"

    @pytest.mark.parametrize("bits", [16, 64])
    def test_one_mask_on_all_codes_changes_nothing(self, retriever: Retriever, bits: int) -> None:
        """Flipping the same bits of queries and database keeps every distance, so it keeps every answer."""
        if not retriever.capabilities.exact:
            pytest.skip("an approximate index may depend on the codes themselves")
        database, queries = random_codes(500, bits, seed=5, distinct=60), random_codes(20, bits, seed=6)
        mask = random_codes(1, bits, seed=7)
        plain = retriever.index(database, bits).search(queries, 100)
        masked = retriever.index(database ^ mask, bits).search(queries ^ mask, 100)
        assert torch.equal(plain.distances, masked.distances)
        assert torch.equal(plain.ids, masked.ids)

    def test_answers_do_not_depend_on_the_batch(self, retriever: Retriever) -> None:
        """One query alone gets what it gets among others."""
        database, queries = random_codes(400, 32, seed=8, distinct=30), random_codes(7, 32, seed=9)
        index = retriever.index(database, 32)
        together = index.search(queries, 50)
        for i in range(len(queries)):
            alone = index.search(queries[i : i + 1], 50)
            assert torch.equal(alone.ids[0], together.ids[i])
            assert torch.equal(alone.distances[0], together.distances[i])

    def test_k_is_cut_to_the_database(self, retriever: Retriever) -> None:
        """A list is never padded with ids that do not exist."""
        index = retriever.index(random_codes(30, 16, seed=10), 16)
        found = index.search(random_codes(3, 16, seed=11), 1000)
        assert sorted(found.ids[0].tolist()) == list(range(30))

    def test_no_query_is_no_answer(self, retriever: Retriever) -> None:
        """Zero queries are answered, with the right shapes."""
        index = retriever.index(random_codes(30, 16, seed=12), 16)
        none = torch.empty((0, 2), dtype=torch.uint8)
        assert index.search(none, 5).ids.shape == (0, 5)
        if retriever.capabilities.radius:
            assert index.within(none, 2).offsets.tolist() == [0]

    def test_promises_are_kept(self, retriever: Retriever) -> None:
        """The index repeats the retriever's promises, knows its size, and answers int64 on the CPU."""
        index: Index = retriever.index(random_codes(30, 12, seed=13), 12)
        assert index.capabilities == retriever.capabilities
        assert (index.size, index.bits) == (30, 12)
        assert retriever.capabilities.devices <= {"cpu", "cuda"}
        assert retriever.capabilities.devices
        found = index.search(random_codes(2, 12, seed=14), 4)
        for tensor in (found.distances, found.ids):
            assert (tensor.dtype, tensor.device.type) == (torch.int64, "cpu")

    def test_the_limit_on_k_is_the_promised_one(self, retriever: Retriever) -> None:
        """The promised limit on k works, and one more is refused; without a limit the whole database comes back."""
        limit = retriever.capabilities.max_k
        size = 3000 if limit is None else limit + 10
        index = retriever.index(random_codes(size, 16, seed=15), 16)
        query = random_codes(1, 16, seed=16)
        assert index.search(query, limit or size).ids.shape == (1, limit or size)
        if limit is not None:
            with pytest.raises(UsageError, match=str(limit)):
                index.search(query, limit + 1)

    def test_the_database_is_copied(self, retriever: Retriever) -> None:
        """Changing the tensor after indexing does not change the answers, and searching changes no input."""
        database, queries = random_codes(50, 16, seed=17), random_codes(4, 16, seed=18)
        kept_database, kept_queries = database.clone(), queries.clone()
        index = retriever.index(database, 16)
        before = index.search(queries, 20)
        assert torch.equal(database, kept_database)
        assert torch.equal(queries, kept_queries)
        database.fill_(0)
        assert torch.equal(index.search(queries, 20).ids, before.ids)

    @pytest.mark.parametrize(
        "wrong",
        [
            torch.zeros((2, 3), dtype=torch.uint8),
            torch.zeros((2, 2), dtype=torch.int8),
            torch.zeros(2, dtype=torch.uint8),
            torch.full((2, 2), 255, dtype=torch.uint8),
        ],
        ids=["width", "dtype", "shape", "padding"],
    )
    def test_wrong_codes_are_refused(self, retriever: Retriever, wrong: Tensor) -> None:
        """Codes of another length, type, shape or with set padding are refused, in database and queries alike."""
        with pytest.raises(UsageError, match="12"):
            retriever.index(wrong, 12)
        index = retriever.index(random_codes(30, 12, seed=19), 12)
        with pytest.raises(UsageError, match="12"):
            index.search(wrong, 1)

    def test_wrong_numbers_are_refused(self, retriever: Retriever) -> None:
        """An empty database, k = 0 and a negative radius are refused."""
        with pytest.raises(UsageError, match="empty"):
            retriever.index(torch.empty((0, 2), dtype=torch.uint8), 16)
        index = retriever.index(random_codes(30, 16, seed=20), 16)
        with pytest.raises(UsageError, match="k is 0"):
            index.search(random_codes(1, 16, seed=21), 0)
        with pytest.raises(UsageError, match="radius"):
            index.within(random_codes(1, 16, seed=21), -1)
