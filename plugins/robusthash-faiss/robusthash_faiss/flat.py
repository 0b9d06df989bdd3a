"""Exact search with FAISS's flat binary index (Douze et al., "The Faiss library", 2024)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Index, Neighbours, Retriever, RetrieverCapabilities
from robusthash.errors import OptionError
from robusthash.retrieval import TorchRetriever
from robusthash_faiss.answers import ball, octets
from robusthash_faiss.library import faiss, gpus

GPU_MAX_K = 2048  #: faiss's GPU_MAX_SELECTION_K
_GPU_QUERIES = 4096  #: searched at once on a GPU, so that their (queries, k) output fits beside the database


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
        """Exact; on a GPU k is limited and there is no radius search."""
        devices = frozenset({"cpu", "cuda"} if gpus() else {"cpu"})
        on_gpu = self._on_gpu()
        return RetrieverCapabilities(
            exact=True, max_k=GPU_MAX_K if on_gpu else None, radius=not on_gpu, devices=devices
        )

    def _on_gpu(self) -> bool:
        if self.device == "cuda" and not gpus():
            raise OptionError(
                "device is cuda, but faiss sees no GPU here",
                hint="install robusthash-faiss[gpu] on a machine with one, or set device to auto or cpu",
            )
        return self.device != "cpu" and gpus() > 0

    def _index(self, packed: Tensor, bits: int) -> Index:
        capabilities = self.capabilities
        flat = faiss().IndexBinaryFlat(8 * packed.shape[1])
        flat.use_heap = False  # counting instead: twice as fast with so few distinct distances
        flat.add(octets(packed))
        if not self._on_gpu():
            return CPUIndex(flat, bits, capabilities, memory=self.memory)
        resources = faiss().StandardGpuResources()
        return GPUIndex(faiss().index_binary_cpu_to_gpu(resources, 0, flat), packed, bits, capabilities)


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
        bits: code length.
        capabilities: what the retriever promises.
        memory: most bytes of scratch.
    """

    def __init__(self, flat: BinaryIndex, bits: int, capabilities: RetrieverCapabilities, *, memory: int) -> None:
        self.bits = bits
        self.size = flat.ntotal
        self.capabilities = capabilities
        self._flat = flat
        self._memory = memory

    def _search(self, packed: Tensor, k: int) -> Neighbours:
        scratch = (8 * packed.shape[1] + 1) * k * 8  # of one query: k ids for each distance
        self._flat.query_batch_size = min(32, max(1, self._memory // scratch))
        distances, ids = self._flat.search(octets(packed), k)
        return Neighbours(distances=torch.from_numpy(distances).long(), ids=torch.from_numpy(ids))

    def _within(self, packed: Tensor, radius: int) -> Ball:
        # faiss's radius is an open one
        return ball(*self._flat.range_search(octets(packed), min(radius, self.bits) + 1))


class GPUIndex(Index):
    """A flat index on a GPU, whose ties are put in order here.

    The GPU selects by distance alone: the distances of the k nearest are right, but which items of the last distance
    it returns, and in what order, is arbitrary. So more than k are fetched. Every item nearer than the last fetched
    distance is certainly among them, and where k of these are, sorting them by (distance, id) is canonical. The
    queries where the last distance begins within the first k are searched again by the core's exact retriever.

    Args:
        flat: faiss's ``GpuIndexBinaryFlat``, filled.
        packed: the database, (size, ceil(bits / 8)) uint8.
        bits: code length.
        capabilities: what the retriever promises.
    """

    def __init__(self, flat: BinaryIndex, packed: Tensor, bits: int, capabilities: RetrieverCapabilities) -> None:
        self.bits = bits
        self.size = flat.ntotal
        self.capabilities = capabilities
        self._flat = flat
        self._packed = packed.clone()

    @cached_property
    def _exact(self) -> Index:
        return TorchRetriever().index(self._packed, self.bits)

    def _search(self, packed: Tensor, k: int) -> Neighbours:
        fetch = min(2 * k, GPU_MAX_K, self.size)
        queries = octets(packed)
        distances, ids = torch.empty((2, len(packed), fetch), dtype=torch.int64)
        for start in range(0, len(packed), _GPU_QUERIES):
            part = slice(start, start + _GPU_QUERIES)
            found = self._flat.search(queries[part], fetch)
            distances[part], ids[part] = torch.from_numpy(found[0]), torch.from_numpy(found[1])
        order = (distances * self.size + ids).argsort(dim=1)[:, :k]
        last = distances.amax(1)
        distances, ids = distances.gather(1, order), ids.gather(1, order)
        if fetch < self.size:
            cut = (distances[:, -1] == last).nonzero().squeeze(1)
            if len(cut):
                ids[cut] = self._exact.search(packed[cut], k).ids
        return Neighbours(distances=distances, ids=ids)
