"""What the approximate indexes share: wider searches until k items are found, and an order that does not vary."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Index, Neighbours, RetrieverCapabilities, Space
from robusthash_faiss.answers import Found, Octets, octets
from robusthash_faiss.flat import FaissFlat


class ApproximateIndex(Index):
    """A search that may miss neighbours but never returns fewer than k.

    :meth:`_widths` gives the effort asked for, then ever greater ones. Each query is searched with the first; those
    for which fewer than k items were found are searched again with the next, and in the end by an exact scan. How
    hard a query is searched depends on nothing but itself, the database and the options.

    Args:
        items: the database, (size, ceil(bits / 8)) uint8.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
    """

    def __init__(self, items: Tensor, space: Space, key: str, capabilities: RetrieverCapabilities) -> None:
        super().__init__(items, space, key, capabilities)
        self._items = items.cpu().clone()

    @abstractmethod
    def _widths(self, k: int) -> Iterator[int]:
        """Efforts to try for k items, ascending; none where an exact scan is no slower."""

    @abstractmethod
    def _find(self, queries: Octets, k: int, width: int) -> Found:
        """Up to k items of each query, nearest first, with id -1 after the last one found."""

    @cached_property
    def _exact(self) -> Index:
        return FaissFlat(device="cpu").index(self._items, self.space)

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        packed = octets(queries)
        distances, ids = np.full((2, len(packed), k), -1, dtype=np.int64)
        short = np.arange(len(packed))
        for width in self._widths(k):
            if not len(short):
                break
            distances[short], ids[short] = self._find(packed[short], k, width)
            short = np.flatnonzero(ids[:, -1] < 0)
        if len(short):
            scan = self._exact.search(torch.from_numpy(packed[short]), k)
            distances[short], ids[short] = scan.distances.numpy(), scan.ids.numpy()
        order = np.lexsort((ids, distances), axis=1)
        distances, ids = (np.take_along_axis(part, order, axis=1) for part in (distances, ids))
        return Neighbours(distances=torch.from_numpy(distances), ids=torch.from_numpy(ids))
