"""FAISS's approximate indexes: the retriever's contract, exhaustive settings, determinism, lists that come short."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Neighbours, Retriever, Space
from robusthash.errors import OptionError
from robusthash.hashing import pack, unpack
from robusthash.retrieval import TorchRetriever
from robusthash.specs import RetrieverSpec
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_codes, slow_ball, slow_distances
from robusthash_faiss.answers import Found
from robusthash_faiss.approximate import ApproximateIndex
from robusthash_faiss.hnsw import FaissHNSW
from robusthash_faiss.ivf import FaissIVF, k_majority
from robusthash_faiss.library import faiss, repeatable
from robusthash_faiss.multihash import FaissMultiHash, MultiHashIndex
from robusthash_faiss.plugin import robusthash_retrievers

pytest.importorskip("faiss", reason="faiss is not installed")

CODES = Space.hamming(64)
SPECS = {spec.name: spec for spec in robusthash_retrievers()}
APPROXIMATE: list[Retriever] = [FaissIVF(), FaissHNSW(), FaissMultiHash()]
EXHAUSTIVE: list[Retriever] = [
    FaissIVF(nlist=20, nprobe=20),
    FaissHNSW(ef_search=10_000),
    FaissMultiHash(hashes=1, bits_per_hash=8, flips=8),
]


def _name(retriever: Retriever) -> str:
    return type(retriever).__name__


@pytest.fixture
def threads() -> Iterator[None]:
    """Whatever number of threads a test sets is put back."""
    before = faiss().omp_get_max_threads()
    yield
    faiss().omp_set_num_threads(before)


def clustered(count: int, *, seed: int, bits: int = 64) -> Tensor:
    """Codes about ten centres, with one bit in twelve flipped."""
    centres = torch.randint(0, 2, (10, bits), generator=torch.Generator().manual_seed(99)) * 2 - 1
    draw = torch.Generator().manual_seed(seed)
    flips = torch.rand((count, bits), generator=draw) < 1 / 12
    return pack(centres[torch.randint(0, 10, (count,), generator=draw)] * (1 - 2 * flips.long()))


def recall(found: Neighbours, truth: Neighbours) -> float:
    """Share of the items that are as near as the true last one, which is right under ties."""
    return float((found.distances <= truth.distances[:, -1:]).double().mean())


class TestIVF(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return FaissIVF(nprobe=2)

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["faiss-ivf"]


class TestHNSW(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return FaissHNSW(ef_search=8, ef_construction=8, m=4)

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["faiss-hnsw"]


class TestMultiHash(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return FaissMultiHash(flips=0)

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["faiss-multihash"]


@pytest.mark.parametrize("retriever", EXHAUSTIVE, ids=_name)
@pytest.mark.parametrize("bits", [12, 64])
def test_settings_that_look_at_everything_are_exact(retriever: Retriever, bits: int) -> None:
    database, queries = random_codes(900, bits, seed=1, distinct=400), random_codes(30, bits, seed=2)
    space = Space.hamming(bits)
    exact, index = TorchRetriever(device="cpu").index(database, space), retriever.index(database, space)
    for k in (1, 7, 100, 900):
        truth, found = exact.search(queries, k), index.search(queries, k)
        assert torch.equal(found.distances, truth.distances)
        # which of the items at the last distance are found is open; all nearer ones are the true ones, in their order
        nearer = truth.distances < truth.distances[:, -1:]
        assert torch.equal(found.ids[nearer], truth.ids[nearer])
    assert torch.equal(index.search(queries, 900).ids, exact.search(queries, 900).ids)


@pytest.mark.parametrize("retriever", APPROXIMATE, ids=_name)
def test_clustered_codes_are_found_and_ties_go_by_id(retriever: Retriever) -> None:
    database, queries = clustered(6000, seed=3), clustered(50, seed=4)
    found = retriever.index(database, CODES).search(queries, 20)
    assert recall(found, TorchRetriever(device="cpu").index(database, CODES).search(queries, 20)) > 0.9
    assert torch.equal(slow_distances(queries, database, CODES).gather(1, found.ids), found.distances)
    key = found.distances * 6000 + found.ids
    assert bool((key.diff(dim=1) > 0).all())


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (FaissIVF(nprobe=1), FaissIVF(nprobe=12)),
        (FaissHNSW(ef_search=10), FaissHNSW(ef_search=400)),
        (FaissMultiHash(hashes=4, bits_per_hash=16, flips=1), FaissMultiHash(hashes=4, bits_per_hash=16, flips=3)),
    ],
    ids=["IVF", "HNSW", "MultiHash"],
)
def test_more_effort_finds_more(few: Retriever, many: Retriever) -> None:
    database, queries = random_codes(4000, 64, seed=5), random_codes(60, 64, seed=6)
    truth = TorchRetriever(device="cpu").index(database, CODES).search(queries, 3)
    little, more = (recall(one.index(database, CODES).search(queries, 3), truth) for one in (few, many))
    assert little < 0.9
    assert more > little + 0.05


@pytest.mark.parametrize("retriever", APPROXIMATE, ids=_name)
def test_answers_are_the_same_in_every_run_and_with_any_threads(retriever: Retriever, threads: None) -> None:
    database, queries = clustered(5000, seed=7), random_codes(300, 64, seed=8)
    answers = []
    for count in (1, 4, 4, 3):
        faiss().omp_set_num_threads(count)
        index = retriever.index(database, CODES)
        assert faiss().omp_get_max_threads() == count, "the number of threads was not put back"
        answers.append(index.search(queries, 30))
    for other in answers[1:]:
        assert torch.equal(other.ids, answers[0].ids)
        assert torch.equal(other.distances, answers[0].distances)


def test_an_older_faiss_builds_with_one_thread_which_is_put_back(
    threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        with repeatable():
            raise RuntimeError(f"{faiss().omp_get_max_threads()} inside")

    monkeypatch.delattr(faiss(), "hnsw_add_vertices_deterministic", raising=False)
    faiss().omp_set_num_threads(3)
    with pytest.raises(RuntimeError, match="1 inside"):
        fail()
    assert faiss().omp_get_max_threads() == 3


class Scattered(ApproximateIndex):
    """Finds what is nearest, in any order; with a width of 1 it finds only half of it."""

    def _widths(self, k: int) -> Iterator[int]:
        yield from (1, 2) if k < 100 else (1,)

    def _find(self, queries: npt.NDArray[np.uint8], k: int, width: int) -> Found:
        found = TorchRetriever(device="cpu").index(self._items, self.space).search(torch.from_numpy(queries), k)
        ids = found.ids.flip(1).numpy().copy()
        distances = found.distances.flip(1).numpy().astype(np.int32)
        if width == 1:
            ids[:, k // 2 :], distances[:, k // 2 :] = -1, np.iinfo(np.int32).max
        return distances, ids


@pytest.mark.parametrize(("k", "scanned"), [(60, False), (150, True)])
def test_short_lists_are_completed_and_put_in_order(k: int, scanned: bool) -> None:
    database, queries = random_codes(300, 12, seed=25), random_codes(8, 12, seed=26)
    space = Space.hamming(12)
    index = Scattered(database, space, "key", FaissIVF().capabilities)
    found, truth = index.search(queries, k), TorchRetriever(device="cpu").index(database, space).search(queries, k)
    assert torch.equal(found.ids, truth.ids)
    assert torch.equal(found.distances, truth.distances)
    assert ("_exact" in vars(index)) == scanned


def test_a_graph_that_found_enough_is_not_scanned() -> None:
    database = torch.cat([clustered(2000, seed=27)] * 3)
    index = FaissHNSW().index(database, CODES)
    index.search(clustered(20, seed=28), 30)
    assert "_exact" not in vars(index)
    index.search(clustered(20, seed=28), 5990)
    assert "_exact" in vars(index)


def test_keys_are_bits_of_the_code_and_not_of_its_padding() -> None:
    database, queries = random_codes(500, 12, seed=29), random_codes(10, 12, seed=30)
    index = FaissMultiHash(hashes=3, bits_per_hash=4, flips=0).index(database, Space.hamming(12))
    assert isinstance(index, MultiHashIndex)
    _, ids = index._find(queries.numpy(), 500, 0)
    left, right = (unpack(codes, 12).reshape(-1, 1, 3, 4) for codes in (queries, database))
    shared = (left == right.transpose(0, 1)).all(3).any(2)
    assert torch.equal(torch.from_numpy((ids >= 0).sum(1)), shared.sum(1))


def test_the_seed_decides_the_lists() -> None:
    codes = random_codes(2000, 64, seed=9).numpy()
    first = k_majority(codes, 30, seed=0)
    assert np.array_equal(first, k_majority(codes, 30, seed=0))
    assert not np.array_equal(first, k_majority(codes, 30, seed=1))


def test_the_clustering_finds_the_centres_of_clusters() -> None:
    codes = clustered(4000, seed=10)
    centres = torch.from_numpy(k_majority(codes.numpy(), 40, seed=0))
    ours = slow_distances(codes[:500], centres, CODES).amin(1).double().mean()
    firsts = slow_distances(codes[:500], codes[500:540], CODES).amin(1).double().mean()
    # a code is 64 / 12 = 5.3 bits from its centre, and twice as far from another code of the cluster
    assert ours < 6 < firsts


@pytest.mark.parametrize("retriever", [*APPROXIMATE, *EXHAUSTIVE, FaissIVF(nlist=500)], ids=_name)
@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("bits", [8, 9, 63])
def test_small_databases_are_answered_exactly(retriever: Retriever, size: int, bits: int) -> None:
    database, queries = random_codes(size, bits, seed=11, distinct=2), random_codes(4, bits, seed=12)
    truth = TorchRetriever(device="cpu").index(database, Space.hamming(bits)).search(queries, size)
    found = retriever.index(database, Space.hamming(bits)).search(queries, size)
    assert torch.equal(found.ids, truth.ids)
    assert torch.equal(found.distances, truth.distances)


@pytest.mark.parametrize("bits", [1, 2, 7])
def test_codes_shorter_than_a_byte_work(bits: int) -> None:
    database, queries = random_codes(40, bits, seed=13), random_codes(5, bits, seed=14)
    truth = TorchRetriever(device="cpu").index(database, Space.hamming(bits)).search(queries, 40)
    for retriever in APPROXIMATE:
        assert torch.equal(retriever.index(database, Space.hamming(bits)).search(queries, 40).ids, truth.ids)


def test_queries_that_come_short_are_searched_wider() -> None:
    database = random_codes(3000, 64, seed=15)
    index = FaissMultiHash(hashes=1, bits_per_hash=20, flips=0).index(database, CODES)
    queries = random_codes(20, 64, seed=16)
    assert isinstance(index, MultiHashIndex)
    assert list(index._widths(5)) == [0, 1, 2, 3]  # 1 + 20 + 190 + 1140 buckets; with four flips more than items
    found = index.search(queries, 5)
    assert torch.equal(slow_distances(queries, database, CODES).gather(1, found.ids), found.distances)
    _, narrow = index._find(queries.numpy(), 5, 0)
    assert bool((narrow == -1).any(1).all()), "no bucket of its own holds enough, so each query was searched wider"

    ivf = FaissIVF(nlist=50, nprobe=1).index(database, CODES)
    found = ivf.search(queries, 2990)
    assert all(len(set(row)) == 2990 for row in found.ids.tolist())


def test_a_code_of_many_items_does_not_hide_the_others_from_the_graph() -> None:
    common = random_codes(1, 64, seed=17)
    database = torch.cat([common.expand(500, -1), clustered(3000, seed=18), common.expand(500, -1)])
    found = FaissHNSW().index(database, CODES).search(torch.cat([common, clustered(40, seed=19)]), 600)
    assert found.ids[0].tolist() == [*range(500), *range(3500, 3600)]
    truth = TorchRetriever(device="cpu").index(database, CODES).search(torch.cat([common, clustered(40, seed=19)]), 600)
    assert recall(found, truth) > 0.9


@pytest.mark.parametrize(("hashes", "flips"), [(4, 0), (4, 1), (3, 2)])
def test_multihash_misses_nothing_within_the_radius_that_it_guarantees(hashes: int, flips: int) -> None:
    database = clustered(2000, seed=20, bits=52)
    queries = clustered(30, seed=21, bits=52)
    radius = hashes * (flips + 1) - 1
    index = FaissMultiHash(hashes=hashes, flips=flips).index(database, Space.hamming(52))
    found, truth = index.within(queries, radius), slow_ball(queries, database, Space.hamming(52), radius)
    assert len(truth.ids) > 10
    assert torch.equal(found.offsets, truth.offsets)
    assert torch.equal(found.ids, truth.ids)
    assert len(index.within(queries, 15).ids) < len(slow_ball(queries, database, Space.hamming(52), 15).ids)


@pytest.mark.parametrize("nprobe", [2, 60])
def test_a_ball_of_ivf_holds_the_items_of_the_probed_lists(nprobe: int) -> None:
    database, queries = random_codes(1500, 36, seed=22), random_codes(20, 36, seed=23)
    space = Space.hamming(36)
    index = FaissIVF(nlist=60, nprobe=nprobe).index(database, space)
    index.search(queries, 1000)  # which widens the probing; the ball must not inherit it
    found, truth = index.within(queries, 12), slow_ball(queries, database, space, 12)
    table = slow_distances(queries, database, space)
    rows = torch.arange(20).repeat_interleave(found.offsets.diff())
    assert torch.equal(table[rows, found.ids], found.distances)
    assert (len(found.ids) == len(truth.ids)) == (nprobe == 60)
    if nprobe == 60:
        assert torch.equal(found.ids, truth.ids)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FaissIVF(nlist=0), "nlist is 0"),
        (lambda: FaissIVF(nprobe=0), "nprobe is 0"),
        (lambda: FaissIVF(seed=-1), "seed is -1"),
        (lambda: FaissHNSW(m=1), "m is 1"),
        (lambda: FaissHNSW(ef_construction=0), "ef_construction is 0"),
        (lambda: FaissHNSW(ef_search=0), "ef_search is 0"),
        (lambda: FaissMultiHash(hashes=0), "hashes is 0"),
        (lambda: FaissMultiHash(bits_per_hash=0), "bits_per_hash is 0"),
        (lambda: FaissMultiHash(bits_per_hash=33), "bits_per_hash is 33"),
        (lambda: FaissMultiHash(flips=-1), "flips is -1"),
        (
            lambda: FaissMultiHash(hashes=5, bits_per_hash=8).index(random_codes(9, 39, seed=24), Space.hamming(39)),
            "of 39",
        ),
        (lambda: FaissMultiHash(hashes=9).index(random_codes(9, 8, seed=24), Space.hamming(8)), "of 8"),
        (lambda: FaissMultiHash(bits_per_hash=9).index(random_codes(9, 8, seed=24), Space.hamming(8)), "of 8"),
    ],
)
def test_wrong_options_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(OptionError, match=message):
        make()
