"""Exact search with FAISS's flat indexes (Douze et al., "The Faiss library", 2024): the retriever, and codes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Distance, Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash.retrieval import TorchRetriever
from robusthash_faiss.answers import ball, octets, open_radius
from robusthash_faiss.descriptors import DescriptorSearch, flat_descriptors
from robusthash_faiss.library import GPU_MAX_K, GPU_QUERIES, computes, faiss, gpu, gpu_resources, gpus


@dataclass(frozen=True, kw_only=True)
class FaissFlat(Retriever):
    """Exact search, ties by ascending id; without a limit on k on the CPU, up to 2048 neighbours on a GPU."""

    device: Literal["auto", "cpu", "cuda"] = "auto"  #: auto takes the GPU where faiss sees one
    memory: int = 1 << 28  #: most bytes of scratch that a search on the CPU takes beside its output, if one query fits

    def __post_init__(self) -> None:
        if self.memory < 1:
            raise OptionError(f"memory is {self.memory} bytes", hint="256 MiB is a good bound: 268435456")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, any distance; on a GPU k is limited and there is no radius search."""
        on_gpu = self._on_gpu()
        return RetrieverCapabilities(
            exact=True, max_k=GPU_MAX_K if on_gpu else None, radius=not on_gpu, distances=frozenset(Distance)
        )

    def _on_gpu(self) -> bool:
        if self.device == "cuda" and not gpus():
            raise OptionError(
                "device is cuda, but faiss sees no GPU here",
                hint="install robusthash-faiss[gpu] on a machine with one, or set device to auto or cpu",
            )
        if self.device == "cpu" or not gpus():
            return False
        if not computes():
            raise OptionError(
                "faiss sees a GPU, but its searches there are wrong: this build has no kernels for it",
                hint="install another build of faiss (robusthash-faiss[gpu] has them), or set device to cpu: "
                "-o faiss.device=cpu",
            )
        return True

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        capabilities, on_gpu = self.capabilities, self._on_gpu()
        if not space.binary:
            return DescriptorSearch(
                flat_descriptors(items, space, on_gpu=on_gpu), items, space, key, capabilities, on_gpu=on_gpu
            )
        flat = faiss().IndexBinaryFlat(8 * space.width)
        flat.use_heap = False  # counting instead: twice as fast with so few distinct distances
        flat.add(octets(items))
        if not on_gpu:
            return CPUIndex(flat, items, space, key, capabilities, memory=self.memory)
        return GPUIndex(faiss().index_binary_cpu_to_gpu(gpu_resources(), gpu(), flat), items, space, key, capabilities)


class BinaryIndex(Protocol):
    """What is used of faiss's ``IndexBinaryFlat`` and ``GpuIndexBinaryFlat``."""

    ntotal: int
    query_batch_size: int  #: of the CPU index: queries that share a pass over the database

    def search(self, x: npt.NDArray[np.uint8], k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Distances and ids of the k nearest."""
        ...

    def range_search(
        self, x: npt.NDArray[np.uint8], thresh: int
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Offsets, distances and ids of everything nearer than ``thresh``."""
        ...


class CPUIndex(Index):
    """A flat index on the CPU. faiss collects the ids of each distance in database order, so its ties are canonical.

    Args:
        flat: faiss's ``IndexBinaryFlat``, filled, with ``use_heap`` off.
        items: the database, (size, ceil(bits / 8)) uint8.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
        memory: most bytes of scratch.
    """

    def __init__(
        self,
        flat: BinaryIndex,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
        *,
        memory: int,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._flat = flat
        self._memory = memory

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        scratch = (8 * self.space.width + 1) * k * 8  # of one query: k ids for each distance
        self._flat.query_batch_size = min(32, max(1, self._memory // scratch))
        distances, ids = self._flat.search(octets(queries), k)
        return Neighbours(distances=torch.from_numpy(distances).long(), ids=torch.from_numpy(ids))

    def _within(self, queries: Tensor, radius: float) -> Ball:
        return ball(*self._flat.range_search(octets(queries), open_radius(radius, self.space)))


class GPUIndex(Index):
    """A flat index on a GPU, whose ties are put in order here.

    The GPU selects by distance alone: the distances of the k nearest are right, but which items of the last distance
    it returns, and in what order, is arbitrary. So more than k are fetched. Every item nearer than the last fetched
    distance is certainly among them, and where k of these are, sorting them by (distance, id) is canonical. The
    queries where the last distance begins within the first k are searched again by the core's exact retriever.

    Args:
        flat: faiss's ``GpuIndexBinaryFlat``, filled.
        items: the database, (size, ceil(bits / 8)) uint8.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
    """

    def __init__(
        self, flat: BinaryIndex, items: Tensor, space: Space, key: str, capabilities: RetrieverCapabilities
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._flat = flat
        self._items = items.clone()

    @cached_property
    def _exact(self) -> Index:
        return TorchRetriever().index(self._items, self.space)

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        fetch = min(2 * k, GPU_MAX_K, self.size)
        packed = octets(queries)
        distances, ids = torch.empty((2, len(packed), fetch), dtype=torch.int64)
        for start in range(0, len(packed), GPU_QUERIES):
            part = slice(start, start + GPU_QUERIES)
            found = self._flat.search(packed[part], fetch)
            distances[part], ids[part] = torch.from_numpy(found[0]), torch.from_numpy(found[1])
        order = (distances * self.size + ids).argsort(dim=1)[:, :k]
        last = distances.amax(1)
        distances, ids = distances.gather(1, order), ids.gather(1, order)
        if fetch < self.size:
            cut = (distances[:, -1] == last).nonzero().squeeze(1)
            if len(cut):
                ids[cut] = self._exact.search(queries[cut], k).ids
        return Neighbours(distances=distances, ids=ids)

    def _close(self) -> None:
        del self._flat, self._items
