"""FAISS's flat float indexes: the same lists as the core's exact search, whatever float32 makes of the distances."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robusthash.contracts import Distance, Index, Retriever, RetrieverCapabilities, Space
from robusthash.retrieval import TorchRetriever
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_items, slow_distances
from robusthash_faiss.descriptors import DescriptorSearch
from robusthash_faiss.flat import FaissFlat

pytest.importorskip("faiss", reason="faiss is not installed")

VECTORS = (Distance.COSINE, Distance.L2)
Floats = npt.NDArray[np.float32]


class Rounded:
    """A flat index whose distances are off by all that float32 can make them, ties in any order."""

    def __init__(self, items: torch.Tensor, space: Space) -> None:
        self._items, self._space = items, space
        self._draw = np.random.default_rng(0)
        self.searches = 0

    def search(self, x: Floats, k: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        self.searches += 1
        queries = torch.from_numpy(x)
        longest = max(float(queries.norm(dim=1).amax()), float(self._items.norm(dim=1).amax()))
        true = slow_distances(queries, self._items, self._space).numpy()
        noise = 2.0**-22 * self._draw.uniform(-1, 1, true.shape)
        if self._space.distance is Distance.COSINE:
            values = (1 - true + noise).astype(np.float32)
            order = np.argsort(-values, axis=1)[:, :k]
        else:
            values = (true**2 + noise * longest**2).astype(np.float32)
            order = np.argsort(values, axis=1)[:, :k]
        return np.take_along_axis(values, order, axis=1), order


class RoundedRetriever(Retriever):
    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=True, max_k=None, radius=True, distances=frozenset(VECTORS))

    def _index(self, items: torch.Tensor, space: Space, key: str) -> Index:
        kept = items.clone()
        return DescriptorSearch(Rounded(kept, space), kept, space, key, self.capabilities, on_gpu=False)


class TestRounding(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return RoundedRetriever()


@settings(max_examples=60, deadline=None)
@given(
    distance=st.sampled_from(VECTORS),
    size=st.sampled_from([1, 2, 5, 48, 130]),
    items=st.integers(1, 300),
    distinct=st.integers(1, 60) | st.none(),
    k=st.integers(1, 120),
    seed=st.integers(0, 2**16),
)
def test_faiss_and_torch_agree_on_every_bit(
    distance: Distance, size: int, items: int, distinct: int | None, k: int, seed: int
) -> None:
    space = Space(distance=distance, size=size)
    database = random_items(items, space, seed=seed, distinct=distinct)
    queries = torch.cat([random_items(4, space, seed=seed + 1), database[:1], 50 * database[:1]])
    ours = TorchRetriever(device="cpu").index(database, space)
    theirs = FaissFlat(device="cpu").index(database, space)
    left, right = ours.search(queries, k), theirs.search(queries, k)
    assert torch.equal(left.distances, right.distances)
    assert torch.equal(left.ids, right.ids)
    inside, same = ours.within(queries, 0.7), theirs.within(queries, 0.7)
    assert torch.equal(inside.ids, same.ids)


def test_clear_lists_are_not_scanned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space(distance=Distance.COSINE, size=32)
    database, queries = random_items(2000, space, seed=1), random_items(30, space, seed=2)
    index = FaissFlat(device="cpu").index(database, space)
    truth = TorchRetriever(device="cpu").index(database, space).search(queries, 20)
    assert isinstance(index, DescriptorSearch)
    monkeypatch.setattr(index._exact, "_search", lambda queries, k: pytest.fail("a scan"))
    assert torch.equal(index.search(queries, 20).ids, truth.ids)


def test_a_database_of_copies_goes_by_id() -> None:
    space = Space(distance=Distance.COSINE, size=8)
    index = FaissFlat(device="cpu").index(torch.ones(50, 8), space)
    found = index.search(random_items(3, space, seed=3), 10)
    assert found.ids.tolist() == [list(range(10))] * 3


def test_distances_beyond_float32_are_found_all_the_same() -> None:
    space = Space(distance=Distance.L2, size=4)
    database = 1e25 * random_items(100, space, seed=4)
    found = FaissFlat(device="cpu").index(database, space).search(database[:5], 3)
    truth = TorchRetriever(device="cpu").index(database, space).search(database[:5], 3)
    assert found.ids[:, 0].tolist() == list(range(5))
    assert torch.equal(found.ids, truth.ids)
