"""FAISS's flat index: the retriever's contract, its agreement with the core, and the GPU's arbitrary ties."""

import subprocess
import sys
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robusthash.contracts import Index, Retriever, RetrieverCapabilities, Space
from robusthash.errors import MissingDependencyError, OptionError
from robusthash.retrieval import TorchRetriever
from robusthash.specs import RetrieverSpec
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_codes, slow_distances, slow_ranking
from robusthash_faiss.flat import CPUIndex, FaissFlat, GPUIndex
from robusthash_faiss.library import GPU_MAX_K, computes, faiss, gpu_resources, gpus
from robusthash_faiss.plugin import robusthash_retrievers

pytest.importorskip("faiss", reason="faiss is not installed")


class ArbitraryTies:
    """A GPU index as far as promises go: right distances, ties in any order, the last distance cut anywhere."""

    def __init__(self, packed: torch.Tensor, space: Space) -> None:
        self.ntotal = len(packed)
        self.query_batch_size = 32
        self._packed, self._space = packed, space
        self._draw = np.random.default_rng(0)

    def search(self, x: npt.NDArray[np.uint8], k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        assert 1 <= k <= GPU_MAX_K
        distances = slow_distances(torch.from_numpy(x), self._packed, self._space).numpy().astype(np.int32)
        order = np.stack([np.lexsort((self._draw.random(self.ntotal), row)) for row in distances])[:, :k]
        return np.take_along_axis(distances, order, axis=1), order

    def range_search(
        self, x: npt.NDArray[np.uint8], thresh: int
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        raise AssertionError("a GPU index has no range search")


class ArbitraryTiesRetriever(Retriever):
    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=True, max_k=GPU_MAX_K, radius=False)

    def _index(self, items: torch.Tensor, space: Space, key: str) -> Index:
        kept = items.clone()
        return GPUIndex(ArbitraryTies(kept, space), kept, space, key, self.capabilities)


class TestCPU(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return FaissFlat(device="cpu")

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return next(spec for spec in robusthash_retrievers() if spec.name == "faiss")


class TestTightMemory(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return FaissFlat(device="cpu", memory=1)


class TestTiesOfAGPU(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return ArbitraryTiesRetriever()


@pytest.mark.gpu
@pytest.mark.skipif(gpus() == 0, reason="faiss sees no GPU here")
class TestGPU(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return FaissFlat(device="cuda")


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(1, 140),
    size=st.integers(1, 200),
    distinct=st.integers(1, 60),
    k=st.integers(1, 220),
    radius=st.integers(0, 150),
    seed=st.integers(0, 2**16),
)
def test_faiss_and_torch_agree_on_everything(
    bits: int, size: int, distinct: int, k: int, radius: int, seed: int
) -> None:
    database = random_codes(size, bits, seed=seed, distinct=distinct)
    queries = random_codes(5, bits, seed=seed + 1)
    ours = TorchRetriever(device="cpu").index(database, Space.hamming(bits))
    theirs = FaissFlat(device="cpu").index(database, Space.hamming(bits))
    left, right = ours.search(queries, k), theirs.search(queries, k)
    assert torch.equal(left.distances, right.distances)
    assert torch.equal(left.ids, right.ids)
    inside, same = ours.within(queries, radius), theirs.within(queries, radius)
    assert torch.equal(inside.offsets, same.offsets)
    assert torch.equal(inside.distances, same.distances)
    assert torch.equal(inside.ids, same.ids)


@pytest.mark.parametrize(("bits", "k"), [(8, 2048), (16, 1500), (64, 1000), (64, 5)])
def test_ties_cut_by_the_gpu_limit_are_completed(bits: int, k: int) -> None:
    # 8 bits over 6,000 items: about 1,600 items share the commonest distance, so 2,048 fetched ones cut a tie
    database, queries = random_codes(6000, bits, seed=1), random_codes(6, bits, seed=2)
    truth = slow_ranking(queries, database, Space.hamming(bits))
    found = ArbitraryTiesRetriever().index(database, Space.hamming(bits)).search(queries, k)
    assert torch.equal(found.distances, truth.distances[:, :k])
    assert torch.equal(found.ids, truth.ids[:, :k])


def test_ties_at_a_long_list_are_canonical_on_the_cpu() -> None:
    database, queries = random_codes(20_000, 16, seed=3), random_codes(40, 16, seed=4)
    truth = TorchRetriever(device="cpu").index(database, Space.hamming(16))
    index = FaissFlat(device="cpu").index(database, Space.hamming(16))
    for k in (1, 100, 2047, 2048, 19_999, 20_000):
        assert torch.equal(index.search(queries, k).ids, truth.search(queries, k).ids), k


def test_memory_bounds_the_queries_searched_at_once() -> None:
    database, queries = random_codes(1000, 64, seed=5), random_codes(64, 64, seed=6)
    index = FaissFlat(device="cpu", memory=4 * 65 * 500 * 8).index(database, Space.hamming(64))
    assert isinstance(index, CPUIndex)
    index.search(queries, 500)
    assert index._flat.query_batch_size == 4
    index.search(queries, 1)
    assert index._flat.query_batch_size == 32


def test_wrong_options_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="memory"):
        FaissFlat(memory=0)
    monkeypatch.setattr("robusthash_faiss.flat.gpus", lambda: 0)
    with pytest.raises(OptionError, match="no GPU"):
        FaissFlat(device="cuda").index(random_codes(3, 16, seed=7), Space.hamming(16))
    assert FaissFlat().capabilities.max_k is None


def test_a_gpu_limits_k_and_has_no_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robusthash_faiss.flat.gpus", lambda: 1)
    monkeypatch.setattr("robusthash_faiss.flat.computes", lambda: True)
    promised = FaissFlat().capabilities
    assert (promised.max_k, promised.radius) == (GPU_MAX_K, False)
    assert FaissFlat(device="cpu").capabilities.radius


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_that_answers_wrongly_is_refused(
    device: Literal["auto", "cuda"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robusthash_faiss.flat.gpus", lambda: 1)
    monkeypatch.setattr("robusthash_faiss.flat.computes", lambda: False)
    with pytest.raises(OptionError, match="this build has no kernels for it"):
        FaissFlat(device=device).index(random_codes(3, 16, seed=7), Space.hamming(16))
    assert FaissFlat(device="cpu").index(random_codes(3, 16, seed=7), Space.hamming(16)).size == 3


@pytest.mark.parametrize("right", [True, False])
def test_answers_of_a_gpu_are_checked(right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's index stands for a GPU with kernels, and one of unset memory for a GPU without."""

    class Unset:
        def __init__(self, _resources: object, _bits: int) -> None: ...

        def add(self, _codes: npt.NDArray[np.uint8]) -> None: ...

        def search(self, queries: npt.NDArray[np.uint8], k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
            return np.zeros((len(queries), k), np.int32), np.zeros((len(queries), k), np.int64)

    module = faiss()
    index = (lambda _resources, bits: module.IndexBinaryFlat(bits)) if right else Unset
    monkeypatch.setattr(module, "GpuIndexBinaryFlat", index, raising=False)
    monkeypatch.setattr(module, "StandardGpuResources", object, raising=False)
    for made in (computes, gpu_resources):
        made.cache_clear()
    try:
        assert computes() is right
    finally:
        for made in (computes, gpu_resources):
            made.cache_clear()


def test_missing_faiss_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match=r"robusthash-faiss\[gpu\]"):
        FaissFlat(device="cpu").index(random_codes(3, 16, seed=8), Space.hamming(16))


def test_the_plugin_module_imports_nothing_heavy() -> None:
    program = (
        "import sys, robusthash_faiss.plugin as p; specs = list(p.robusthash_retrievers());"
        "assert [s.name for s in specs] == ['faiss', 'faiss-ivf', 'faiss-hnsw', 'faiss-multihash'];"
        "heavy = {'torch', 'numpy', 'faiss'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["faiss", "torch"])
def test_faiss_and_torch_share_a_process(first: str) -> None:
    # both bring an OpenMP runtime; whichever comes first, parallel work in one must not break the other
    program = f"""
import {first}
import torch
from robusthash.contracts import Space
from robusthash.hashing import pack
from robusthash.retrieval import TorchRetriever
from robusthash_faiss.flat import FaissFlat
torch.manual_seed(0)
for _ in range(3):
    weights = torch.randn(256, 64, requires_grad=True)
    logits = torch.randn(4000, 256) @ weights
    logits.sum().backward()
    codes = pack(logits.detach())
    indexes = [retriever(device="cpu").index(codes, Space.hamming(64)) for retriever in (FaissFlat, TorchRetriever)]
    both = [index.search(codes[:200], 50) for index in indexes]
    assert torch.equal(both[0].ids, both[1].ids)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
