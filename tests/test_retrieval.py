"""The core's exact search: its contract on both paths, and what is its own."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from robusthash.contracts import Index, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash.host import PluginHost, PluginKind
from robusthash.retrieval import MatrixIndex, TorchRetriever, WordIndex
from robusthash.specs import RetrieverSpec
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_codes, random_items, slow_ranking


@dataclass(frozen=True, kw_only=True)
class MatrixOnCPU(Retriever):
    """The GPU's path, on the CPU, three rows of 700 items at a time."""

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=True, max_k=None, radius=True)

    def _index(self, items: torch.Tensor, space: Space, key: str) -> Index:
        return MatrixIndex(items, space, key, self.capabilities, device=torch.device("cpu"), chunk=2100)


class TestTorch(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return TorchRetriever(device="cpu")

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        spec = PluginHost.load().find(PluginKind.RETRIEVER, "torch").spec
        assert isinstance(spec, RetrieverSpec)
        return spec


class TestFewDistancesAtOnce(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return TorchRetriever(device="cpu", chunk=2100)


class TestMatrix(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return MatrixOnCPU()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
class TestCUDA(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return TorchRetriever(device="cuda", chunk=2100)


def test_keys_beyond_32_bits_stay_exact() -> None:
    # 65 distances x 70 million items do not fit 32 bits; the same code path with few items and forced 64-bit keys
    database, queries = random_codes(500, 64, seed=1, distinct=30), random_codes(5, 64, seed=2)
    space = Space.hamming(64)
    index = WordIndex(database, space, "key", TorchRetriever().capabilities)
    index._keys = np.uint64
    truth = slow_ranking(queries, database, space)
    found = index.search(queries, 40)
    assert torch.equal(found.ids, truth.ids[:, :40])
    assert torch.equal(found.distances, truth.distances[:, :40])


def test_codes_longer_than_a_byte_can_count() -> None:
    database, queries = torch.zeros((3, 64), dtype=torch.uint8), torch.full((1, 64), 255, dtype=torch.uint8)
    found = TorchRetriever(device="cpu").index(database, Space.hamming(512)).search(queries, 3)
    assert found.distances.tolist() == [[512, 512, 512]]
    assert found.ids.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("chunk", [1, 700, 10**9])
def test_the_chunk_changes_memory_only(chunk: int) -> None:
    database, queries = random_codes(700, 32, seed=3, distinct=20), random_codes(9, 32, seed=4)
    space, promised = Space.hamming(32), TorchRetriever().capabilities
    index = MatrixIndex(database, space, "key", promised, device=torch.device("cpu"), chunk=chunk)
    truth = slow_ranking(queries, database, space)
    assert torch.equal(index.search(queries, 50).ids, truth.ids[:, :50])


def test_wrong_options_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="chunk"):
        TorchRetriever(chunk=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="no GPU"):
        TorchRetriever(device="cuda").index(random_codes(3, 16, seed=5), Space.hamming(16))


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert isinstance(TorchRetriever().index(random_codes(3, 16, seed=6), Space.hamming(16)), WordIndex)


@pytest.mark.parametrize("block", [1, 3, 16, 50])
@pytest.mark.parametrize("k", [1, 4, 50])
def test_blocks_of_items_do_not_matter(block: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space.hamming(12)
    queries, items = random_items(6, space, seed=1), random_items(50, space, seed=2, distinct=9)
    with TorchRetriever(device="cpu").index(items, space) as index:
        whole, ball = index.search(queries, k), index.within(queries, 4)
        monkeypatch.setattr("robusthash.retrieval._CPU_BLOCK", block)
        monkeypatch.setattr("robusthash.retrieval._NEIGHBOURS", 1)
        parts, part_ball = index.search(queries, k), index.within(queries, 4)
    for left, right in ((whole, parts), (ball, part_ball)):
        assert torch.equal(left.distances, right.distances)
        assert torch.equal(left.ids, right.ids)
    assert torch.equal(ball.offsets, part_ball.offsets)
