"""LanceDB as a retriever: the contract, its folders, and lists that come short."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from robusthash.contracts import Retriever, Space
from robusthash.errors import OptionError, PluginError
from robusthash.retrieval import TorchRetriever
from robusthash.specs import RetrieverSpec
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_items
from robusthash_lancedb.plugin import robusthash_retrievers

if find_spec("lancedb") is None:  # importing it here would do so before the plugin does
    pytest.skip("lancedb is not installed", allow_module_level=True)

from robusthash_lancedb import retrievers as module
from robusthash_lancedb.retrievers import LanceDB, LanceDBIVF

SPACE = Space.hamming(64)
SPECS = {spec.name: spec for spec in robusthash_retrievers()}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path))
    return tmp_path / "lancedb"


def databases(cache: Path) -> list[Path]:
    """What is in the cache, but for the files of locks."""
    return sorted(path for path in cache.iterdir() if path.is_dir()) if cache.exists() else []


class TestLanceDB(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return LanceDB()

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["lancedb"]


class TestIVF(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return LanceDBIVF(num_partitions=4, nprobes=1)

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["lancedb-ivf"]


def test_few_probes_return_fewer_items_than_asked_for() -> None:
    database, queries = random_items(2000, SPACE, seed=1), random_items(5, SPACE, seed=2)
    with LanceDBIVF(num_partitions=16, nprobes=1).index(database, SPACE) as index:
        few = index.search(queries, 1000).returned
    with LanceDBIVF(num_partitions=16, nprobes=16).index(database, SPACE) as index:
        every = index.search(queries, 1000)
    truth = TorchRetriever().index(database, SPACE).search(queries, 1000)
    assert bool((few < 1000).all())
    assert torch.equal(every.distances, truth.distances)


@pytest.mark.parametrize("bits", [12, 64])
def test_a_scan_is_that_of_the_core(bits: int) -> None:
    """The same distances and ids, where nearly everything is tied and where little is."""
    space = Space.hamming(bits)
    database, queries = random_items(4000, space, seed=3), random_items(70, space, seed=4)
    reference = TorchRetriever().index(database, space)
    with LanceDB().index(database, space) as index:
        for k in (1, 100, 4000):
            found, truth = index.search(queries, k), reference.search(queries, k)
            assert torch.equal(found.distances, truth.distances)
            assert torch.equal(found.ids, truth.ids)


def test_equal_databases_are_one_folder_which_the_last_one_removes(cache: Path) -> None:
    database = random_items(50, SPACE, seed=5)
    first, second = LanceDB().index(database, SPACE), LanceDB().index(database.clone(), SPACE)
    assert len(databases(cache)) == 1
    first.close()
    assert second.search(database[:2], 1).ids.tolist() == [[0], [1]]
    second.close()
    assert list(cache.iterdir()) == []


def test_a_kept_database_stays_and_is_found_again(cache: Path) -> None:
    database = random_items(50, SPACE, seed=6)
    LanceDB(keep=True).index(database, SPACE).close()
    kept = databases(cache)
    assert len(kept) == 1
    with LanceDB().index(database, SPACE):
        assert databases(cache) == kept
    assert databases(cache) == kept


def test_an_index_is_another_database(cache: Path) -> None:
    database = random_items(300, SPACE, seed=6)
    with (
        LanceDB().index(database, SPACE),
        LanceDBIVF(num_partitions=2).index(database, SPACE),
        LanceDBIVF(num_partitions=2, nprobes=1).index(database, SPACE),
        LanceDBIVF(num_partitions=3).index(database, SPACE),
    ):
        assert len(databases(cache)) == 3


def _hold(ready: "multiprocessing.synchronize.Event") -> None:
    index = LanceDB().index(random_items(50, SPACE, seed=7), SPACE)
    ready.set()
    time.sleep(600)
    index.close()


@pytest.mark.slow
def test_the_next_run_removes_what_a_killed_one_has_left(cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(ready,))
    process.start()
    assert ready.wait(120)
    assert len(databases(cache)) == 1
    with LanceDB().index(random_items(10, SPACE, seed=8), SPACE):
        assert len(databases(cache)) == 2, "what another one uses stays"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    LanceDB().index(random_items(10, SPACE, seed=8), SPACE).close()
    assert list(cache.iterdir()) == []


def test_a_fill_that_was_killed_is_not_taken_for_a_whole_one(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, whole = random_items(200, SPACE, seed=9), module._batches

    def killed(items: torch.Tensor, schema: object) -> Iterator[object]:
        yield next(whole(items[:100], schema))
        raise OSError

    monkeypatch.setattr(module, "_batches", killed)
    with pytest.raises(PluginError):
        LanceDB().index(database, SPACE)
    assert databases(cache) == []
    monkeypatch.setattr(module, "_batches", whole)
    with LanceDB().index(database, SPACE) as index:
        assert index.search(database[199:], 1).ids.tolist() == [[199]]


@pytest.mark.parametrize("options", [{"num_partitions": 0}, {"nprobes": 0}], ids=str)
def test_wrong_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        LanceDBIVF(**options)  # type: ignore[arg-type]


def test_nothing_is_logged_past_python(capfd: pytest.CaptureFixture[str]) -> None:
    """LanceDB warns of every empty partition."""
    items = torch.zeros((300, 8), dtype=torch.uint8)
    LanceDBIVF(num_partitions=4).index(items, SPACE).close()
    assert "WARN" not in capfd.readouterr().err


def test_start_up_imports_no_database() -> None:
    """Plugins are listed without lancedb and torch."""
    code = "import robusthash_lancedb.plugin, sys; assert not {'lancedb', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
