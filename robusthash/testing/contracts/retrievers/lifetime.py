"""The lifetime of an index: its key, its copy of the database, and the end of it; and what it refuses."""

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Retriever, Space
from robusthash.errors import UsageError
from robusthash.testing.brute_force import random_items
from robusthash.testing.contracts.retrievers.fixtures import FEW_SPACES, RetrieverFixtures, served


class Lifetime(RetrieverFixtures):
    """Tests of an index's lifetime, and of what it refuses."""

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_the_key_names_the_database(self, retriever: Retriever, space: Space) -> None:
        """Equal databases have equal keys, and others another one."""
        served(retriever, space)
        database = random_items(30, space, seed=23)
        keys = [retriever.index(items, space).key for items in (database, database.clone(), database[1:])]
        assert keys[0] == keys[1] != keys[2]
        assert len(keys[0]) == 64

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_a_closed_index_refuses_searches(self, retriever: Retriever, space: Space) -> None:
        """The with block closes it, a second close does nothing, and what is asked afterwards is refused."""
        served(retriever, space)
        database = random_items(30, space, seed=24)
        with retriever.index(database, space) as index:
            assert index.search(database[:2], 1).ids.shape == (2, 1)
        index.close()
        with pytest.raises(UsageError, match="closed"):
            index.search(database[:2], 1)
        with pytest.raises(UsageError, match="closed"):
            index.within(database[:2], 1)

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_the_database_is_copied(self, retriever: Retriever, space: Space) -> None:
        """Changing the tensor after indexing does not change the answers, and searching changes no input."""
        served(retriever, space)
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
        space = served(retriever, Space.hamming(12))
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
        served(retriever, space)
        with pytest.raises(UsageError, match="descriptors"):
            retriever.index(wrong, space)
        index = retriever.index(random_items(30, space, seed=19), space)
        with pytest.raises(UsageError, match="descriptors"):
            index.search(wrong, 1)

    @pytest.mark.parametrize("space", FEW_SPACES, ids=str)
    def test_wrong_numbers_are_refused(self, retriever: Retriever, space: Space) -> None:
        """An empty database, k = 0 and a negative radius are refused."""
        served(retriever, space)
        database, query = random_items(30, space, seed=20), random_items(1, space, seed=21)
        with pytest.raises(UsageError, match="empty"):
            retriever.index(database[:0], space)
        index = retriever.index(database, space)
        with pytest.raises(UsageError, match="k is 0"):
            index.search(query, 0)
        for radius in (-1, float("nan")):
            with pytest.raises(UsageError, match="radius"):
                index.within(query, radius)
