"""Indexes that return fewer items than they are asked for: what they have to declare, and what is made of it."""

import pytest

from robusthash.contracts import Retriever, Space
from robusthash.errors import ContractError
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_items
from robusthash.testing.retrievers import ShortRetriever

SPACE = Space.hamming(16)


class TestShort(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return ShortRetriever()


def test_what_is_missing_is_told() -> None:
    index = ShortRetriever().index(random_items(30, SPACE, seed=1), SPACE)
    assert index.search(random_items(2, SPACE, seed=2), 10).returned.tolist() == [4, 4]
    assert index.search(random_items(2, SPACE, seed=2), 3).returned.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("retriever", "message"),
    [
        (ShortRetriever(complete=True), "fewer than 10 neighbours of 2 of 2 queries"),
        (ShortRetriever(exact=True), "fewer than 10 neighbours"),
        (ShortRetriever(mark=0), "in another way than agreed"),
    ],
    ids=["complete", "exact", "mark"],
)
def test_what_was_not_declared_is_refused(retriever: Retriever, message: str) -> None:
    index = retriever.index(random_items(30, SPACE, seed=1), SPACE)
    with pytest.raises(ContractError, match=message):
        index.search(random_items(2, SPACE, seed=2), 10)
