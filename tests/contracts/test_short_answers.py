"""Indexes that return fewer items than they are asked for: what they have to declare, and what is made of it."""

from dataclasses import dataclass

import pytest
from torch import Tensor

from robusthash.contracts import Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import ContractError
from robusthash.retrieval import TorchRetriever
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_items

SPACE = Space.hamming(16)


@dataclass(frozen=True, kw_only=True)
class Short(Retriever):
    """Returns at most a few items, as a graph with a short list of candidates does."""

    most: int = 4  #: items that a search returns
    complete: bool = False  #: what it claims
    exact: bool = False  #: likewise
    mark: int = -1  #: what stands after the last item

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=self.exact, max_k=None, radius=False, complete=self.complete)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        return ShortIndex(items, space, key, self)


class ShortIndex(Index):
    def __init__(self, items: Tensor, space: Space, key: str, retriever: Short) -> None:
        super().__init__(items, space, key, retriever.capabilities)
        self._whole = TorchRetriever(device="cpu").index(items, space)
        self._retriever = retriever

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        found = self._whole.search(queries, k)
        found.distances[:, self._retriever.most :] = self._retriever.mark
        found.ids[:, self._retriever.most :] = -1
        return found


class TestShort(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return Short()


def test_what_is_missing_is_told() -> None:
    index = Short().index(random_items(30, SPACE, seed=1), SPACE)
    assert index.search(random_items(2, SPACE, seed=2), 10).returned.tolist() == [4, 4]
    assert index.search(random_items(2, SPACE, seed=2), 3).returned.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("retriever", "message"),
    [
        (Short(complete=True), "fewer than 10 neighbours of 2 of 2 queries"),
        (Short(exact=True), "fewer than 10 neighbours"),
        (Short(mark=0), "in another way than agreed"),
    ],
    ids=["complete", "exact", "mark"],
)
def test_what_was_not_declared_is_refused(retriever: Retriever, message: str) -> None:
    index = retriever.index(random_items(30, SPACE, seed=1), SPACE)
    with pytest.raises(ContractError, match=message):
        index.search(random_items(2, SPACE, seed=2), 10)
