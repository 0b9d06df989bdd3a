"""Exact search of continuous descriptors with FAISS's flat float indexes."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Distance, Index, Neighbours, RetrieverCapabilities, Space
from robusthash.retrieval import DescriptorIndex
from robusthash_faiss.library import GPU_MAX_K, GPU_QUERIES, faiss, gpu, gpu_resources

_CHUNK = 1 << 21  #: distances held at once by the exact scan
Floats = npt.NDArray[np.float32]


class FlatIndex(Protocol):
    """What is used of faiss's ``IndexFlatIP``, ``IndexFlatL2`` and their forms on a GPU."""

    def search(self, x: Floats, k: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Inner products, descending, or squared distances, ascending; and ids of the k best."""
        ...


class DescriptorSearch(Index):
    """A flat float index whose answers are put right to the last bit.

    In float32, which faiss computes in, copies of an item can be at different distances, and the order of near items
    depends on the batch. So more than k items are fetched, and their distances taken again in whole numbers
    (:class:`~robusthash.metrics.DescriptorDistances`). What was not fetched is at least as far, by faiss's
    distances, as the last that was. Where the k-th exact distance is smaller by more than faiss can be off, the list is
    the true one; the other queries are searched again by the core's exact retriever.

    Args:
        flat: faiss's index, filled as by :func:`flat_descriptors`.
        items: the database, (size, d) float32.
        space: of descriptors.
        key: of the database.
        capabilities: what the retriever promises.
        on_gpu: whether the index is on a GPU.
    """

    def __init__(
        self,
        flat: FlatIndex,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
        *,
        on_gpu: bool,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._flat = flat
        self._most = GPU_MAX_K if on_gpu else self.size
        device = torch.device("cuda" if on_gpu and torch.cuda.is_available() else "cpu")
        self._exact = DescriptorIndex(items, space, key, capabilities, device=device, chunk=_CHUNK)

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        fetch = min(2 * k, self._most, self.size)
        computed = torch.empty((len(queries), fetch), dtype=torch.float32)
        ids = torch.empty((len(queries), fetch), dtype=torch.int64)
        values = prepared(queries, self.space)
        for start in range(0, len(queries), GPU_QUERIES):
            part = slice(start, start + GPU_QUERIES)
            found = self._flat.search(values[part], fetch)
            computed[part], ids[part] = torch.from_numpy(found[0]), torch.from_numpy(found[1])
        missing = (ids < 0).any(1)  # where faiss's own arithmetic overflowed
        ids.clamp_(min=0)
        exact = self._exact.descriptors.of(queries, ids).cpu()
        order = (exact.view(torch.int32).long() * self.size + ids).argsort(dim=1)[:, :k]
        distances, ids = exact.gather(1, order), ids.gather(1, order)
        if fetch < self.size:
            last = computed[:, -1:] if self.space.distance is Distance.L2 else 1 - computed[:, -1:].double()
            beyond = last.double() if self.space.distance is Distance.L2 else self._exact.descriptors.squared(last)
            reached = self._exact.descriptors.squared(distances[:, -1:])
            missing |= ~(reached < beyond - self._exact.descriptors.slack(queries)).squeeze(1)
        if bool(missing.any()):
            scan = self._exact.search(queries[missing], k)
            distances[missing], ids[missing] = scan.distances, scan.ids
        return Neighbours(distances=distances, ids=ids)

    def _within(self, queries: Tensor, radius: float) -> Ball:
        return self._exact.within(queries, radius)

    def _close(self) -> None:
        del self._flat, self._exact


def flat_descriptors(items: Tensor, space: Space, *, on_gpu: bool) -> Any:
    """The flat index over a database: inner products of unit descriptors for cosine, squared distances for L2.

    Args:
        items: (size, d) float32.
        space: of descriptors.
        on_gpu: whether to put it on a GPU.
    """
    library = faiss()
    flat = library.IndexFlatL2(space.size) if space.distance is Distance.L2 else library.IndexFlatIP(space.size)
    flat.add(prepared(items, space))
    return library.index_cpu_to_gpu(gpu_resources(), gpu(), flat) if on_gpu else flat


def prepared(descriptors: Tensor, space: Space) -> Floats:
    """Descriptors as faiss is given them: (n, d) float32, of length 1 for cosine; zeros stay zeros."""
    values: Floats = np.ascontiguousarray(descriptors.detach().cpu().numpy())
    if space.distance is Distance.L2:
        return values
    norms = np.sqrt(np.square(values, dtype=np.float64).sum(1, keepdims=True))
    return (values / np.where(norms > 0, norms, 1)).astype(np.float32)
