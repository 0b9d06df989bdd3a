"""Every way to count pairs gives the integers of numpy's: compiled, in threads, and in parts of a database."""

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robusthash.errors import ContractError, RobustHashWarning
from robusthash.hashing import pack
from robusthash.metrics import Relevance, distance_histograms
from robusthash.metrics.counting import counter as choosing
from robusthash.metrics.counting.blocks import count_blocks
from robusthash.metrics.counting.counter import Counter, counter_for, fast_counter
from robusthash.metrics.counting.installed import described
from robusthash.metrics.counting.words import Asked, WordCounter

_COMPILED = "robusthash.metrics.counting.compiled"

needs_numba = pytest.mark.skipif(choosing.find_spec("numba") is None, reason="numba is not installed")


class Drawn:
    """Packed codes and labels, padded with zero bits; every item of three is a query's copy."""

    def __init__(self, seed: int, *, queries: int, items: int, bits: int, classes: int, density: float) -> None:
        random = np.random.default_rng(seed)
        codes = random.integers(2, size=(queries + items, bits), dtype=np.uint8)
        labels = random.random((queries + items, classes)) < density
        if queries:
            for place in range(queries, queries + items, 3):
                codes[place], labels[place] = codes[place % queries], labels[place % queries]
        self.bits = bits
        self.queries, self.items = np.packbits(codes[:queries], axis=1), np.packbits(codes[queries:], axis=1)
        self.wanted, self.present = np.packbits(labels[:queries], axis=1), np.packbits(labels[queries:], axis=1)

    def asked(self, relevance: Relevance) -> Asked:
        return Asked.of(self.queries, self.wanted, self.bits, relevance)

    def counted(self, counter: Counter, asked: Asked, **how: int) -> np.ndarray:
        return count_blocks(counter, asked, self.items, self.present, **how)


@needs_numba
@given(
    seed=st.integers(0, 2**32),
    queries=st.integers(0, 5),
    items=st.integers(0, 60),
    bits=st.integers(1, 300),
    classes=st.integers(0, 100),
    density=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    relevance=st.sampled_from(Relevance),
    chunk_bytes=st.integers(1, 3000),
)
@settings(max_examples=100, deadline=None)
def test_machine_code_gives_the_same_integers(seed: int, relevance: Relevance, chunk_bytes: int, **sizes: Any) -> None:
    scene = Drawn(seed, **sizes)
    asked = scene.asked(relevance)
    compiled = import_module(_COMPILED).CompiledCounter(asked)
    expected = scene.counted(WordCounter(asked), asked)
    np.testing.assert_array_equal(scene.counted(compiled, asked, chunk_bytes=chunk_bytes), expected)


@pytest.mark.parametrize("fast", [False, pytest.param(True, marks=needs_numba)])
def test_threads_count_the_same(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robusthash.metrics.counting.blocks._WORTH", 100)
    scene = Drawn(1, queries=9, items=5000, bits=48, classes=12, density=0.2)
    asked = scene.asked(Relevance.SHARE_ANY)
    counter = fast_counter(asked) if fast else WordCounter(asked)
    assert (type(counter).__name__ == "CompiledCounter") is fast
    alone = scene.counted(counter, asked, threads=1)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(scene.counted(counter, asked, threads=threads, chunk_bytes=20_000), alone)


def test_what_fails_in_a_thread_fails_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robusthash.metrics.counting.blocks._WORTH", 100)
    scene = Drawn(1, queries=9, items=5000, bits=48, classes=12, density=0.2)
    asked = scene.asked(Relevance.SHARE_ANY)
    counted = []

    class Failing(WordCounter):
        def count(self, codes: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> None:
            counted.append(len(codes))
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        scene.counted(Failing(asked), asked, threads=2, chunk_bytes=2000)
    assert len(counted) <= 3, "the other thread goes on"


@given(cuts=st.lists(st.integers(0, 50), max_size=4), relevance=st.sampled_from(Relevance))
@settings(max_examples=30, deadline=None)
def test_parts_of_a_database_add_up(cuts: list[int], relevance: Relevance) -> None:
    scene = Drawn(2, queries=4, items=50, bits=20, classes=6, density=0.3)
    labels = (np.unpackbits(part, axis=1, count=6) for part in (scene.wanted, scene.present))
    wanted, present = labels
    whole = distance_histograms(scene.queries, scene.items, wanted, present, bits=20, relevance=relevance)
    edges = [0, *sorted(cuts), 50]
    parts = [
        distance_histograms(
            scene.queries, scene.items[start:stop], wanted, present[start:stop], bits=20, relevance=relevance
        )
        for start, stop in pairwise(edges)
    ]
    together = parts[0]
    for part in parts[1:]:
        together += part
    np.testing.assert_array_equal(together.items, whole.items)
    np.testing.assert_array_equal(together.relevant, whole.relevant)


def test_histograms_of_other_queries_do_not_add_up() -> None:
    scene = Drawn(2, queries=4, items=50, bits=20, classes=6, density=0.3)
    arguments = scene.items, np.ones((4, 1)), np.ones((50, 1))
    whole = distance_histograms(scene.queries, *arguments, bits=20)
    part = distance_histograms(scene.queries[:2], scene.items, np.ones((2, 1)), np.ones((50, 1)), bits=20)
    with pytest.raises(ContractError, match="do not add up"):
        _ = whole + part


def test_small_databases_are_left_to_numpy() -> None:
    asked = Drawn(0, queries=2, items=1, bits=64, classes=3, density=0.5).asked(Relevance.EXACT)
    assert type(counter_for(asked, 59_000)) is WordCounter


@needs_numba
def test_large_databases_are_counted_in_machine_code() -> None:
    asked = Drawn(0, queries=2, items=1, bits=64, classes=3, density=0.5).asked(Relevance.EXACT)
    assert type(counter_for(asked, choosing.WORTH)).__name__ == "CompiledCounter"
    long = Drawn(0, queries=2, items=1, bits=40_000, classes=3, density=0.5).asked(Relevance.EXACT)
    assert type(counter_for(long, choosing.WORTH)) is WordCounter


@pytest.fixture
def untried() -> Iterator[None]:
    choosing._works.cache_clear()
    yield
    choosing._works.cache_clear()


@pytest.mark.usefixtures("untried")
def test_without_numba_numpy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda _: None)
    asked = Drawn(0, queries=2, items=1, bits=64, classes=3, density=0.5).asked(Relevance.EXACT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(fast_counter(asked)) is WordCounter


@pytest.mark.usefixtures("untried")
def test_a_broken_numba_is_told_once_and_numpy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, _COMPILED, None)
    asked = Drawn(0, queries=2, items=1, bits=64, classes=3, density=0.5).asked(Relevance.EXACT)
    with pytest.warns(RobustHashWarning, match="numba cannot be used"):
        assert type(fast_counter(asked)) is WordCounter
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(fast_counter(asked)) is WordCounter


@needs_numba
@pytest.mark.usefixtures("untried")
def test_machine_code_that_counts_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = import_module(_COMPILED)
    monkeypatch.setattr(compiled, "_RULES", dict.fromkeys(Relevance, 0))
    asked = Drawn(0, queries=2, items=1, bits=64, classes=3, density=0.5).asked(Relevance.EXACT)
    with pytest.warns(RobustHashWarning, match="counts otherwise than numpy"):
        assert type(fast_counter(asked)) is WordCounter


@needs_numba
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["NUMBA_DISABLE_JIT", "a damaged cache"])
def test_a_process_whose_numba_fails_counts_with_numpy(fault: str, tmp_path: Path) -> None:
    code = (
        "import numpy as np; from robusthash.metrics.counting.counter import fast_counter;"
        "from robusthash.metrics.counting.words import Asked; from robusthash.specs import Relevance;"
        "part = np.zeros((1, 8), np.uint8);"
        "print(type(fast_counter(Asked.of(part, part, 64, Relevance.EXACT))).__name__)"
    )
    surroundings = {**os.environ, "ROBUSTHASH_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", code]
    if fault == "NUMBA_DISABLE_JIT":
        surroundings[fault] = "1"
    else:
        subprocess.run(command, env=surroundings, capture_output=True, check=True)  # compiles, and keeps it there
        indexes = list(tmp_path.glob("numba/**/*.nbi"))
        assert indexes
        for index in indexes:
            index.write_bytes(b"no index")
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True)
    assert done.stdout == "WordCounter\n"
    assert "numba cannot be used" in done.stderr


def test_it_is_said_what_counts() -> None:
    assert "numba" in described() if choosing.find_spec("numba") else "robusthash[fast]" in described()


def test_packed_arrays_count_as_tensors_do() -> None:
    codes = pack(torch.tensor([[1, -1, 1], [-1, 1, 1]]))
    labels = np.eye(2)
    left = distance_histograms(codes, codes, labels, labels, bits=3)
    right = distance_histograms(codes.numpy(), codes.numpy(), labels, labels, bits=3)
    np.testing.assert_array_equal(left.relevant, right.relevant)


@needs_numba
def test_machine_code_lets_other_threads_go_on() -> None:
    scene = Drawn(0, queries=8000, items=65_536, bits=64, classes=3, density=0.5)
    asked = scene.asked(Relevance.SHARE_ANY)
    counter, counts = fast_counter(asked), asked.no_counts()
    for _ in range(10):  # on a busy machine this thread may have to wait for a processor
        thread = threading.Thread(target=counter.count, args=(scene.items, scene.present, counts))
        before = time.thread_time()
        thread.start()
        while thread.is_alive():
            pass
        # Counting takes a quarter of a second; with the lock, this thread would have to hand it over after 5 ms.
        if time.thread_time() - before > 0.05:
            return
    pytest.fail("no Python ran while machine code counted: it holds the interpreter's lock")
