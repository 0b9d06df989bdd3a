"""Answers in any space: whole, each query's own, and as promised by the capabilities."""

import pytest
import torch

from robusthash.contracts import Distance, Index, Retriever, Space
from robusthash.errors import UsageError
from robusthash.specs import Exactness, RetrieverSpec
from robusthash.testing.brute_force import random_items
from robusthash.testing.contracts.retrievers.fixtures import FEW_SPACES, SPACES, RetrieverFixtures, served


class Answers(RetrieverFixtures):
    """Tests of answers and promises."""

    def test_the_spec_says_what_is_promised(self, retriever: Retriever, spec: RetrieverSpec | None) -> None:
        """The spec, which is read without importing the retriever, and the retriever say the same of its exactness."""
        assert retriever.capabilities.complete or not retriever.capabilities.exact, "an exact search is complete"
        if spec is None:
            pytest.skip("override the fixture `spec` in a subclass")
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

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_answers_do_not_depend_on_the_batch(self, retriever: Retriever, space: Space) -> None:
        """One query alone gets what it gets among others."""
        served(retriever, space)
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
        served(retriever, space)
        index = retriever.index(random_items(30, space, seed=10), space)
        found = index.search(random_items(3, space, seed=11), 1000)
        assert found.ids.shape == (3, 30)
        if retriever.capabilities.complete:
            assert sorted(found.ids[0].tolist()) == list(range(30))

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_no_query_is_no_answer(self, retriever: Retriever, space: Space) -> None:
        """Zero queries are answered, with the right shapes."""
        served(retriever, space)
        database = random_items(30, space, seed=12)
        index = retriever.index(database, space)
        assert index.search(database[:0], 5).ids.shape == (0, 5)
        if retriever.capabilities.radius:
            assert index.within(database[:0], 2).offsets.tolist() == [0]

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_promises_are_kept(self, retriever: Retriever, space: Space) -> None:
        """The index repeats the retriever's promises, knows its size and space, and answers on the CPU."""
        served(retriever, space)
        index: Index = retriever.index(random_items(30, space, seed=13), space)
        assert index.capabilities == retriever.capabilities
        assert (index.size, index.space) == (30, space)
        found = index.search(random_items(2, space, seed=14), 4)
        assert found.distances.dtype == (torch.int64 if space.binary else torch.float32)
        assert found.ids.dtype == torch.int64
        assert found.distances.device.type == found.ids.device.type == "cpu"

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
