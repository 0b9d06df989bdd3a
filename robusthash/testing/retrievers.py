"""A toy retriever that returns few items, as an index does whose list of candidates is short."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.contracts import Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.retrieval import TorchRetriever

__all__ = ["ShortRetriever"]


@dataclass(frozen=True, kw_only=True)
class ShortRetriever(Retriever):
    """Returns the nearest items, but at most some of them."""

    most: int = 4  #: items that a search returns
    exact: bool = False  #: what it claims of itself
    complete: bool = False  #: likewise
    mark: int = -1  #: distance that stands after the last item; -1 is the right one

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Whatever it claims, on codes."""
        return RetrieverCapabilities(exact=self.exact, max_k=None, radius=False, complete=self.complete)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        return _ShortIndex(items, space, key, self)


class _ShortIndex(Index):
    def __init__(self, items: Tensor, space: Space, key: str, retriever: ShortRetriever) -> None:
        super().__init__(items, space, key, retriever.capabilities)
        self._whole = TorchRetriever(device="cpu").index(items, space)
        self._retriever = retriever

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        found = self._whole.search(queries, k)
        found.distances[:, self._retriever.most :] = self._retriever.mark
        found.ids[:, self._retriever.most :] = -1
        return found
