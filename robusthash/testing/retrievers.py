"""The tests that every retriever must pass: subclass :class:`RetrieverContract` and give the ``retriever`` fixture.

::

    class TestMine(RetrieverContract):
        @pytest.fixture
        def retriever(self) -> Retriever:
            return Mine(probes=8)

        @pytest.fixture
        def spec(self) -> RetrieverSpec:
            return next(spec for spec in plugin.robusthash_retrievers() if spec.name == "mine")
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Distance, Index, Retriever, Space
from robusthash.errors import UsageError
from robusthash.specs import Exactness, RetrieverSpec
from robusthash.testing.brute_force import off, random_items, slow_ball, slow_distances, slow_ranking

LENGTHS = (12, 16, 32, 48, 64, 100, 128)  #: code lengths tried, with and without padding
DIMENSIONS = (1, 3, 64)  #: of the descriptors tried
VECTOR_SPACES = tuple(
    Space(distance=distance, size=size) for distance in (Distance.COSINE, Distance.L2) for size in DIMENSIONS
)
SPACES = (*map(Space.hamming, LENGTHS), *VECTOR_SPACES)  #: those that a retriever does not serve are skipped
FEW_SPACES = (Space.hamming(16), Space(distance=Distance.COSINE, size=16), Space(distance=Distance.L2, size=16))


class RetrieverContract:
    """What a retriever promises by its capabilities, checked against brute force in each space that it serves."""

    @pytest.fixture
    def retriever(self) -> Retriever:
        """The retriever under test; a subclass overrides this."""
        pytest.skip("give the fixture `retriever` in a subclass")

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        """The retriever's spec; a subclass overrides this where there is one."""
        pytest.skip("give the fixture `spec` in a subclass")

    def test_the_spec_says_what_is_promised(self, retriever: Retriever, spec: RetrieverSpec) -> None:
        """The spec, which is read without importing the retriever, and the retriever say the same of its exactness."""
        assert retriever.capabilities.exact == (spec.exactness is Exactness.EXACT)

    @pytest.mark.parametrize("space", SPACES, ids=str)
    def test_unserved_spaces_are_refused(self, retriever: Retriever, space: Space) -> None:
        """A space that is not among the capabilities is refused by name; the others are indexed."""
        assert retriever.capabilities.distances <= frozenset(Distance)
        database = random_items(30, space, seed=22)
        if space.distance in retriever.capabilities.distances:
            assert retriever.index(database, space).space == space
        else:
            with pytest.raises(UsageError, match=str(space.distance)):
                retriever.index(database, space)

    @pytest.mark.parametrize("bits", LENGTHS)
    @pytest.mark.parametrize("distinct", [None, 40], ids=["spread", "tied"])
    def test_agrees_with_brute_force(self, retriever: Retriever, bits: int, distinct: int | None) -> None:
        """An exact search is brute force, ties by ascending id; any search reports true distances in order."""
        space = _served(retriever, Space.hamming(bits))
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
            else:
                assert torch.equal(table.gather(1, found.ids), found.distances), f"distances at k = {k}"
                assert bool((found.distances.diff(dim=1) >= 0).all()), f"not nearest first at k = {k}"
                assert all(len(set(row)) == k for row in found.ids.tolist()), f"an item comes twice at k = {k}"

    @pytest.mark.parametrize("space", VECTOR_SPACES, ids=str)
    @pytest.mark.parametrize("distinct", [None, 40], ids=["spread", "tied"])
    def test_descriptors_agree_with_brute_force(self, retriever: Retriever, space: Space, distinct: int | None) -> None:
        """Distances are right up to the rounding of float32; copies of an item are tied, and go by ascending id."""
        _served(retriever, space)
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

    @pytest.mark.parametrize("bits", LENGTHS)
    def test_within_agrees_with_brute_force(self, retriever: Retriever, bits: int) -> None:
        """A ball is closed: radius 0 is the duplicates, radius ``bits`` everything."""
        space = _served(retriever, Space.hamming(bits))
        database = random_items(300, space, seed=3, distinct=50)
        queries = torch.cat([database[:4], random_items(9, space, seed=4)])
        index = retriever.index(database, space)
        if not retriever.capabilities.radius:
            with pytest.raises(UsageError, match="radius"):
                index.within(queries, 2)
            return
        for radius in (0, 1, 2, bits // 2, bits, bits + 3):
            found = index.within(queries, radius)
            truth = slow_ball(queries, database, space, radius)
            if not retriever.capabilities.exact:
                assert len(found.ids) <= len(truth.ids)
                assert bool((found.distances <= radius).all())
                continue
            assert torch.equal(found.offsets, truth.offsets), f"counts at radius {radius}"
            assert torch.equal(found.distances, truth.distances), f"distances at radius {radius}"
            assert torch.equal(found.ids, truth.ids), f"order at radius {radius}"

    @pytest.mark.parametrize("space", VECTOR_SPACES, ids=str)
    def test_within_agrees_with_brute_force_on_descriptors(self, retriever: Retriever, space: Space) -> None:
        """A ball is the head of the ranking: radius 0 is the copies, and an endless one everything."""
        _served(retriever, space)
        database = random_items(300, space, seed=3, distinct=50)
        queries = torch.cat([database[:4], random_items(9, space, seed=4)])
        index = retriever.index(database, space)
        if not retriever.capabilities.radius:
            with pytest.raises(UsageError, match="radius"):
                index.within(queries, 0.5)
            return
        ranking = index.search(queries, len(database))
        for radius in (0.0, 0.1, float(ranking.distances.median()), 1e9):
            found = index.within(queries, radius)
            inside = ranking.distances <= radius
            assert bool((found.distances <= radius).all())
            if retriever.capabilities.exact:
                assert torch.equal(found.offsets.diff(), inside.sum(1)), f"counts at radius {radius}"
                assert torch.equal(found.distances, ranking.distances[inside]), f"distances at radius {radius}"
                assert torch.equal(found.ids, ranking.ids[inside]), f"order at radius {radius}"

    @pytest.mark.parametrize("bits", [16, 64])
    def test_one_mask_on_all_codes_changes_nothing(self, retriever: Retriever, bits: int) -> None:
        """Flipping the same bits of queries and database keeps every distance, so it keeps every answer."""
        space = _served(retriever, Space.hamming(bits))
        if not retriever.capabilities.exact:
            pytest.skip("an approximate index may depend on the codes themselves")
        database, queries = random_items(500, space, seed=5, distinct=60), random_items(20, space, seed=6)
        mask = random_items(1, space, seed=7)
        plain = retriever.index(database, space).search(queries, 100)
        masked = retriever.index(database ^ mask, space).search(queries ^ mask, 100)
        assert torch.equal(plain.distances, masked.distances)
        assert torch.equal(plain.ids, masked.ids)

    def test_length_does_not_matter_to_cosine(self, retriever: Retriever) -> None:
        """A descriptor of twice the length has the same direction, so the same neighbours."""
        space = _served(retriever, FEW_SPACES[1])
        database, queries = random_items(500, space, seed=5, distinct=60), random_items(20, space, seed=6)
        index = retriever.index(database, space)
        assert torch.equal(index.search(queries, 100).ids, index.search(2 * queries, 100).ids)

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_answers_do_not_depend_on_the_batch(self, retriever: Retriever, space: Space) -> None:
        """One query alone gets what it gets among others."""
        _served(retriever, space)
        database, queries = random_items(400, space, seed=8, distinct=30), random_items(27, space, seed=9)
        index = retriever.index(database, space)
        together = index.search(queries, 50)
        for i in range(len(queries)):
            alone = index.search(queries[i : i + 1], 50)
            assert torch.equal(alone.ids[0], together.ids[i])
            assert torch.equal(alone.distances[0], together.distances[i])

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_k_is_cut_to_the_database(self, retriever: Retriever, space: Space) -> None:
        """A list is never padded with ids that do not exist."""
        _served(retriever, space)
        index = retriever.index(random_items(30, space, seed=10), space)
        found = index.search(random_items(3, space, seed=11), 1000)
        assert sorted(found.ids[0].tolist()) == list(range(30))

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_no_query_is_no_answer(self, retriever: Retriever, space: Space) -> None:
        """Zero queries are answered, with the right shapes."""
        _served(retriever, space)
        database = random_items(30, space, seed=12)
        index = retriever.index(database, space)
        assert index.search(database[:0], 5).ids.shape == (0, 5)
        if retriever.capabilities.radius:
            assert index.within(database[:0], 2).offsets.tolist() == [0]

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_promises_are_kept(self, retriever: Retriever, space: Space) -> None:
        """The index repeats the retriever's promises, knows its size and space, and answers on the CPU."""
        _served(retriever, space)
        index: Index = retriever.index(random_items(30, space, seed=13), space)
        assert index.capabilities == retriever.capabilities
        assert (index.size, index.space) == (30, space)
        found = index.search(random_items(2, space, seed=14), 4)
        assert found.distances.dtype == (torch.int64 if space.binary else torch.float32)
        assert found.ids.dtype == torch.int64
        assert found.distances.device.type == found.ids.device.type == "cpu"

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_the_key_names_the_database(self, retriever: Retriever, space: Space) -> None:
        """Equal databases have equal keys, and others another one."""
        _served(retriever, space)
        database = random_items(30, space, seed=23)
        keys = [retriever.index(items, space).key for items in (database, database.clone(), database[1:])]
        assert keys[0] == keys[1] != keys[2]
        assert len(keys[0]) == 64

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_a_closed_index_refuses_searches(self, retriever: Retriever, space: Space) -> None:
        """The with block closes it, a second close does nothing, and what is asked afterwards is refused."""
        _served(retriever, space)
        database = random_items(30, space, seed=24)
        with retriever.index(database, space) as index:
            assert index.search(database[:2], 1).ids.shape == (2, 1)
        index.close()
        with pytest.raises(UsageError, match="closed"):
            index.search(database[:2], 1)
        with pytest.raises(UsageError, match="closed"):
            index.within(database[:2], 1)

    def test_the_limit_on_k_is_the_promised_one(self, retriever: Retriever) -> None:
        """The promised limit on k works, and one more is refused; without a limit the whole database comes back."""
        limit = retriever.capabilities.max_k
        size = 3000 if limit is None else limit + 10
        for space in FEW_SPACES:
            if space.distance not in retriever.capabilities.distances:
                continue
            index = retriever.index(random_items(size, space, seed=15), space)
            query = random_items(1, space, seed=16)
            assert index.search(query, limit or size).ids.shape == (1, limit or size)
            if limit is not None:
                with pytest.raises(UsageError, match=str(limit)):
                    index.search(query, limit + 1)

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_the_database_is_copied(self, retriever: Retriever, space: Space) -> None:
        """Changing the tensor after indexing does not change the answers, and searching changes no input."""
        _served(retriever, space)
        database, queries = random_items(50, space, seed=17), random_items(4, space, seed=18)
        kept_database, kept_queries = database.clone(), queries.clone()
        index = retriever.index(database, space)
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
        space = _served(retriever, Space.hamming(12))
        with pytest.raises(UsageError, match="12"):
            retriever.index(wrong, space)
        index = retriever.index(random_items(30, space, seed=19), space)
        with pytest.raises(UsageError, match="12"):
            index.search(wrong, 1)

    @pytest.mark.parametrize(
        "wrong",
        [torch.zeros(2, 17), torch.zeros(2, 16, dtype=torch.float64), torch.zeros(16), torch.full((2, 16), np.nan)],
        ids=["width", "dtype", "shape", "nan"],
    )
    @pytest.mark.parametrize("space", FEW_SPACES[1:], ids=str)
    def test_wrong_descriptors_are_refused(self, retriever: Retriever, space: Space, wrong: Tensor) -> None:
        """Descriptors of another dimension, type or shape, or not finite, are refused in database and queries."""
        _served(retriever, space)
        with pytest.raises(UsageError, match="descriptors"):
            retriever.index(wrong, space)
        index = retriever.index(random_items(30, space, seed=19), space)
        with pytest.raises(UsageError, match="descriptors"):
            index.search(wrong, 1)

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_wrong_numbers_are_refused(self, retriever: Retriever, space: Space) -> None:
        """An empty database, k = 0 and a negative radius are refused."""
        _served(retriever, space)
        database, query = random_items(30, space, seed=20), random_items(1, space, seed=21)
        with pytest.raises(UsageError, match="empty"):
            retriever.index(database[:0], space)
        index = retriever.index(database, space)
        with pytest.raises(UsageError, match="k is 0"):
            index.search(query, 0)
        for radius in (-1, float("nan")):
            with pytest.raises(UsageError, match="radius"):
                index.within(query, radius)


def _served(retriever: Retriever, space: Space) -> Space:
    """The same space; the test is skipped where the retriever does not serve it."""
    if space.distance not in retriever.capabilities.distances:
        pytest.skip(f"{type(retriever).__name__} does not serve {space.distance}")
    return space
