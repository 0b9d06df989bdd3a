"""Distance histograms against a count of every pair, and their metamorphic rules."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from robusthash.errors import ContractError, OptionError
from robusthash.hashing import pack
from robusthash.metrics import DistanceHistograms, Relevance, distance_histograms
from robusthash.metrics.counting.blocks import count_blocks
from robusthash.metrics.counting.labels import PackedLabels, pack_labels
from robusthash.metrics.counting.products import count_products
from robusthash.metrics.counting.words import Asked, WordCounter

_BITS = (1, 7, 8, 12, 20, 48, 63, 64, 65, 127, 128, 200)


class Scene:
    """Random codes and labels; some items are a query's copy or its opposite, some have no label."""

    def __init__(self, bits: int, *, seed: int = 0, queries: int = 7, items: int = 60, classes: int = 5) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.bits = bits
        self.queries, self.items = (
            torch.randint(0, 2, (n, bits), generator=self.random) * 2 - 1 for n in (queries, items)
        )
        self.query_labels, self.item_labels = (
            (torch.rand(n, classes, generator=self.random) < 0.3).to(torch.uint8) for n in (queries, items)
        )
        some = min(queries, items) // 2
        self.items[:some], self.items[some : 2 * some] = self.queries[:some], -self.queries[:some]
        self.item_labels[some : 2 * some] = self.query_labels[:some]  # relevant at the largest distance

    def histograms(
        self, relevance: Relevance = Relevance.SHARE_ANY, chunk_bytes: int | None = None
    ) -> DistanceHistograms:
        return distance_histograms(
            pack(self.queries),
            pack(self.items),
            self.query_labels,
            self.item_labels,
            bits=self.bits,
            relevance=relevance,
            chunk_bytes=chunk_bytes,
        )

    def labels(self) -> tuple[PackedLabels, PackedLabels]:
        return pack_labels(self.query_labels), pack_labels(self.item_labels)

    def counted(self, relevance: Relevance = Relevance.SHARE_ANY, **how: int) -> np.ndarray:
        asked = Asked.of(pack(self.queries).numpy(), self.labels()[0].octets, self.bits, relevance)
        return count_blocks(WordCounter(asked), asked, pack(self.items).numpy(), self.labels()[1].octets, **how)


def same(left: DistanceHistograms, right: DistanceHistograms) -> None:
    np.testing.assert_array_equal(left.items, right.items)
    np.testing.assert_array_equal(left.relevant, right.relevant)


@pytest.mark.parametrize("bits", _BITS)
@pytest.mark.parametrize("relevance", Relevance)
def test_equals_a_count_of_every_pair(bits: int, relevance: Relevance) -> None:
    scene = Scene(bits, seed=bits)
    items, found = np.zeros((7, bits + 1), int), np.zeros((7, bits + 1), int)
    for q in range(7):
        for i in range(60):
            distance = int((scene.queries[q] != scene.items[i]).sum())
            items[q, distance] += 1
            wanted, present = scene.query_labels[q], scene.item_labels[i]
            if relevance is Relevance.SHARE_ANY:
                found[q, distance] += bool((wanted & present).any())
            elif relevance is Relevance.EXACT:
                found[q, distance] += bool(wanted.any()) and torch.equal(wanted, present)
            else:
                found[q, distance] += bool(wanted.any()) and bool((present >= wanted).all())
    histograms = scene.histograms(relevance)
    np.testing.assert_array_equal(histograms.items, items)
    np.testing.assert_array_equal(histograms.relevant, found)
    assert histograms.items.dtype == histograms.relevant.dtype == np.int64
    np.testing.assert_array_equal(histograms.n_items, 60)
    np.testing.assert_array_equal(histograms.n_relevant, found.sum(1))


@pytest.mark.parametrize("bits", _BITS)
@pytest.mark.parametrize("relevance", Relevance)
def test_matrix_products_give_the_same_integers(bits: int, relevance: Relevance) -> None:
    scene = Scene(bits, seed=bits)
    codes = pack(scene.queries), pack(scene.items)
    by_words = scene.counted(relevance)
    for chunk_bytes in (1, 2000, 1 << 20):
        by_products = count_products(*codes, *scene.labels(), bits, relevance, chunk_bytes, torch.device("cpu"))
        np.testing.assert_array_equal(by_products, by_words)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("bits", _BITS)
def test_the_gpu_gives_the_same_integers(bits: int) -> None:
    scene = Scene(bits, queries=50, items=5000, classes=70)
    codes = pack(scene.queries), pack(scene.items)
    labels = scene.query_labels, scene.item_labels
    same(distance_histograms(*codes, *labels, bits=bits, device="cuda"), scene.histograms())


@given(bits=st.sampled_from(_BITS), seed=st.integers(0, 1000), chunk_bytes=st.integers(1, 3000))
@settings(max_examples=40, deadline=None)
def test_what_must_not_matter(bits: int, seed: int, chunk_bytes: int) -> None:
    scene = Scene(bits, seed=seed, items=30)
    before = scene.histograms()
    same(scene.histograms(chunk_bytes=chunk_bytes), before)
    flips = torch.randint(0, 2, (bits,), generator=scene.random) * 2 - 1
    scene.queries, scene.items = scene.queries * flips, scene.items * flips
    same(scene.histograms(), before)
    bit_order = torch.randperm(bits, generator=scene.random)
    scene.queries, scene.items = scene.queries[:, bit_order], scene.items[:, bit_order]
    same(scene.histograms(), before)
    order = torch.randperm(30, generator=scene.random)
    scene.items, scene.item_labels = scene.items[order], scene.item_labels[order]
    same(scene.histograms(), before)


def test_an_empty_database_has_empty_histograms() -> None:
    histograms = Scene(16, items=0, queries=1).histograms()
    assert histograms.items.sum() == histograms.relevant.sum() == 0


def test_no_queries_have_no_rows() -> None:
    histograms = Scene(16, queries=0).histograms()
    assert histograms.items.shape == histograms.relevant.shape == (0, 17)


def test_memory_is_bounded_by_the_chunk() -> None:
    scene = Scene(64, queries=4, items=200_000)
    scene.items, scene.item_labels = pack(scene.items), scene.labels()[1].octets  # type: ignore[assignment]
    asked = Asked.of(pack(scene.queries).numpy(), scene.labels()[0].octets, 64, Relevance.SHARE_ANY)
    arguments = (WordCounter(asked), asked, scene.items.numpy(), scene.item_labels)
    count_blocks(*arguments, chunk_bytes=1 << 18, threads=1)
    tracemalloc.start()
    try:
        count_blocks(*arguments, chunk_bytes=1 << 18, threads=1)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * (1 << 18)
    finally:
        tracemalloc.stop()


def _broken(codes: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    labels = torch.ones(2, 3)
    return {
        "type": (codes.to(torch.int16), labels),
        "shape": (codes[:, :1], labels),
        "padding": (codes | 1, labels),
        "classes": (codes, torch.ones(2, 4)),
        "for 2 codes": (codes, torch.ones(3, 3)),
    }


@pytest.mark.parametrize("message", _broken(torch.zeros(2, 2, dtype=torch.uint8)))
def test_broken_queries_are_refused(message: str) -> None:
    codes = torch.zeros(2, 2, dtype=torch.uint8)
    queries, labels = _broken(codes)[message]
    with pytest.raises(ContractError, match=message):
        distance_histograms(queries, codes, labels, torch.ones(2, 3), bits=12)


def test_other_misuse_is_refused() -> None:
    codes = torch.zeros(2, 1, dtype=torch.uint8)
    with pytest.raises(OptionError, match="chunk_bytes"):
        distance_histograms(codes, codes, torch.ones(2, 1), torch.ones(2, 1), bits=8, chunk_bytes=0)
    with pytest.raises(ContractError, match="9 distances"):
        DistanceHistograms(items=np.zeros((1, 8), np.int64), relevant=np.zeros((1, 8), np.int64), bits=8)
