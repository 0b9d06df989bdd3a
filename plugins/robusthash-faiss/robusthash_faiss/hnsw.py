"""Approximate search in a graph of neighbours: HNSW (Malkov and Yashunin, TPAMI 2020)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from robusthash.contracts import Index, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash_faiss.answers import Found, Octets, octets
from robusthash_faiss.approximate import ApproximateIndex
from robusthash_faiss.library import faiss, repeatable


@dataclass(frozen=True, kw_only=True)
class FaissHNSW(Retriever):
    """Walks a hierarchy of graphs whose nodes are the distinct codes.

    Hash codes repeat, and equal nodes fill each other's links until groups of them cannot be reached from outside. So
    a code is one node, and stands for all of its items. Where the walk would hold every node, that is where the greater
    of k and ``ef_search`` reaches the number of distinct codes, the database is scanned instead, which is exact; it
    is scanned too for a query whose walk ends with fewer than k items.
    """

    m: int = 16  #: links of a node, twice as many on the lowest level
    ef_construction: int = 40  #: candidates held while a node's links are chosen
    ef_search: int = 128  #: candidates held while searching, at least k

    def __post_init__(self) -> None:
        if self.m < 2:
            raise OptionError(f"m is {self.m}", hint="a graph needs at least 2 links to a node; 16 is usual")
        for name, value in (("ef_construction", self.ef_construction), ("ef_search", self.ef_search)):
            if value < 1:
                raise OptionError(f"{name} is {value}", hint="hold at least one candidate")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Approximate, on the CPU, any k; no radius search, for a walk does not know when it has seen all."""
        return RetrieverCapabilities(exact=False, max_k=None, radius=False)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        codes, code_of = np.unique(octets(items), axis=0, return_inverse=True)
        graph = faiss().IndexBinaryHNSW(8 * codes.shape[1], self.m)
        graph.hnsw.efConstruction = self.ef_construction
        graph.hnsw.efSearch = self.ef_search
        with repeatable():
            graph.add(codes)
        return HNSWIndex(graph, code_of.reshape(-1), items, space, key, self.capabilities)


class HNSWIndex(ApproximateIndex):
    """A graph of distinct codes.

    Args:
        graph: faiss's ``IndexBinaryHNSW`` over the distinct codes.
        code_of: (size,) the node of each item.
        items: the database, (size, ceil(bits / 8)) uint8.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
    """

    def __init__(
        self,
        graph: Any,
        code_of: npt.NDArray[np.int64],
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._graph = graph
        self._by_node = np.argsort(code_of, kind="stable")  # of the first node, of the second, ... each ascending
        self._counts = np.bincount(code_of)
        self._starts = np.cumsum(self._counts) - self._counts

    def _widths(self, k: int) -> Iterator[int]:
        width = max(k, self._graph.hnsw.efSearch)
        if width < self._graph.ntotal:
            yield width

    def _find(self, queries: Octets, k: int, width: int) -> Found:  # noqa: ARG002 - faiss takes the greater of k and ef
        distances, nodes = self._graph.search(queries, k)
        found = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -1, np.int64)
        for row, reached in enumerate((nodes >= 0).sum(1)):
            near, ids = self._expanded(distances[row, :reached], nodes[row, :reached], k)
            found[0][row, : len(ids)], found[1][row, : len(ids)] = near, ids
        return found

    def _expanded(self, distances: npt.NDArray[np.int32], nodes: npt.NDArray[np.int64], k: int) -> Found:
        """The first k items, by ascending (distance, id), of one query's nodes."""
        counts = np.minimum(self._counts[nodes], k)
        ends = counts.cumsum()
        if len(ends) and ends[-1] > k:
            counts[distances > distances[np.searchsorted(ends, k)]] = 0
            ends = counts.cumsum()
        within = np.arange(counts.sum()) - np.repeat(ends - counts, counts)
        ids = self._by_node[np.repeat(self._starts[nodes], counts) + within]
        near = np.repeat(distances, counts)
        order = np.lexsort((ids, near))[:k]
        return near[order], ids[order]
