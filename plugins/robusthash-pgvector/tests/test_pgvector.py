"""PostgreSQL as a retriever: the contract, its tables, what is said when it refuses, and lists that come short."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
import torch

from robusthash.contracts import Retriever, Space
from robusthash.errors import OptionError, PluginError, UsageError
from robusthash.retrieval import TorchRetriever
from robusthash.specs import RetrieverSpec
from robusthash.testing import RetrieverContract
from robusthash.testing.brute_force import random_items
from robusthash_pgvector.connecting import VARIABLE, connect
from robusthash_pgvector.plugin import robusthash_retrievers
from robusthash_pgvector.retrievers import PgVector, PgVectorHNSW, Postgres

SPACE = Space.hamming(64)
SPECS = {spec.name: spec for spec in robusthash_retrievers()}


@pytest.fixture(autouse=True)
def _server(server: str) -> Iterator[None]:
    """All tests here have a server; none leaves a table on it."""
    yield
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS robusthash CASCADE")


def tables(server: str) -> list[str]:
    """The tables of codes on the server."""
    with psycopg.connect(server) as connection:
        return [
            name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'robusthash'")
        ]


class TestPgVector(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return PgVector()

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["pgvector"]


class TestPostgres(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return Postgres()

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["postgres"]


class TestHNSW(RetrieverContract):
    @pytest.fixture
    def retriever(self) -> Retriever:
        return PgVectorHNSW(m=4, ef_construction=8)

    @pytest.fixture
    def spec(self) -> RetrieverSpec:
        return SPECS["pgvector-hnsw"]


def test_hnsw_at_its_defaults_returns_fewer_rows_than_asked_for() -> None:
    """Forty rows for LIMIT 100; a wider walk, or an iterative one, returns them all."""
    database, queries = random_items(3000, SPACE, seed=1), random_items(5, SPACE, seed=2)
    counts = {}
    for name, retriever in {
        "default": PgVectorHNSW(),
        "wide": PgVectorHNSW(ef_search=400),
        "iterative": PgVectorHNSW(iterative_scan="relaxed_order"),
    }.items():
        with retriever.index(database, SPACE) as index:
            counts[name] = index.search(queries, 100).returned.tolist()
    assert counts == {"default": [40] * 5, "wide": [100] * 5, "iterative": [100] * 5}


def test_copies_of_a_code_share_a_node() -> None:
    """Up to ten rows of one code come with each node: codes that repeat hide that a list is cut."""
    database = random_items(300, SPACE, seed=1).repeat_interleave(10, dim=0)
    with PgVectorHNSW().index(database, SPACE) as index:
        assert int(index.search(database[:1], 400).returned) > 200


@pytest.mark.parametrize("retriever", [PgVector(), Postgres()], ids=lambda one: type(one).__name__)
def test_scans_are_those_of_the_core(retriever: Retriever) -> None:
    """The same distances and ids, ties included, where nearly everything is tied."""
    space = Space.hamming(12)
    database, queries = random_items(4000, space, seed=3), random_items(10, space, seed=4)
    with retriever.index(database, space) as index, TorchRetriever().index(database, space) as reference:
        for k in (1, 100, 4000):
            found, truth = index.search(queries, k), reference.search(queries, k)
            assert torch.equal(found.distances, truth.distances)
            assert torch.equal(found.ids, truth.ids)


def test_equal_databases_are_one_table_which_the_last_one_drops(server: str) -> None:
    database = random_items(50, SPACE, seed=5)
    first, second = PgVector().index(database, SPACE), PgVector().index(database.clone(), SPACE)
    assert len(tables(server)) == 1
    first.close()
    assert second.search(database[:2], 1).ids.tolist() == [[0], [1]]
    assert len(tables(server)) == 1
    second.close()
    assert tables(server) == []


def test_a_kept_table_stays_and_is_found_again(server: str) -> None:
    database = random_items(50, SPACE, seed=6)
    PgVector(keep=True).index(database, SPACE).close()
    kept = tables(server)
    assert len(kept) == 1
    with PgVector().index(database, SPACE):
        assert tables(server) == kept
    assert tables(server) == kept


def test_the_graph_is_another_table_for_each_way_to_build_it(server: str) -> None:
    database = random_items(50, SPACE, seed=6)
    with (
        PgVector().index(database, SPACE),
        PgVectorHNSW().index(database, SPACE),
        PgVectorHNSW(ef_search=80).index(database, SPACE),
        PgVectorHNSW(m=4).index(database, SPACE),
    ):
        assert len(tables(server)) == 3


def _hold(ready: "multiprocessing.synchronize.Event") -> None:
    index = PgVector().index(random_items(50, SPACE, seed=7), SPACE)
    ready.set()
    time.sleep(600)
    index.close()


@pytest.mark.slow
def test_the_next_run_drops_what_a_killed_one_has_left(server: str) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(ready,))
    process.start()
    assert ready.wait(120)
    assert len(tables(server)) == 1
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    deadline = time.monotonic() + 60
    while tables(server) and time.monotonic() < deadline:  # the server notices the end of a connection in its own time
        PgVector().index(random_items(10, SPACE, seed=8), SPACE).close()
    assert tables(server) == []


def test_a_fill_that_was_killed_leaves_nothing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends it, its transaction ends with it; the next one fills anew, and answers are right."""
    from robusthash_pgvector import tables as module

    whole, database = module._rows, random_items(200, SPACE, seed=9)

    def killed(items: torch.Tensor) -> Iterator[bytes]:
        yield next(whole(items))
        raise OSError

    monkeypatch.setattr(module, "_rows", killed)
    with pytest.raises(PluginError, match="OSError"):
        PgVector().index(database, SPACE)
    assert tables(server) == []
    monkeypatch.setattr(module, "_rows", whole)
    with PgVector().index(database, SPACE) as index:
        assert index.search(database[199:], 1).ids.tolist() == [[199]]


def _both(count: int, results: "multiprocessing.Queue[list[list[int]]]") -> None:
    database = random_items(20_000, SPACE, seed=10)
    for _ in range(count):
        with PgVector().index(database, SPACE) as index:
            results.put(index.search(database[:3], 1).ids.tolist())


@pytest.mark.slow
def test_two_runs_at_once_share_a_table(server: str) -> None:
    """Whoever comes second waits for the first one's fill; whoever leaves first takes nothing away."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[list[int]]] = context.Queue()
    both = [context.Process(target=_both, args=(8, results)) for _ in range(2)]
    for one in both:
        one.start()
    found = [results.get(timeout=300) for _ in range(16)]
    for one in both:
        one.join()
    assert found == [[[0], [1], [2]]] * 16
    assert tables(server) == []


@pytest.mark.parametrize(
    "options", [{"m": 1}, {"m": 101}, {"ef_construction": 31}, {"ef_search": 0}, {"ef_search": 1001}], ids=str
)
def test_settings_that_pgvector_refuses_are_refused_early(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        PgVectorHNSW(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:sesame@localhost:1/nowhere",
        "host=localhost port=1 user=me password=sesame",
        "postgresql:/me:sesame@localhost",
        "pasword=sesame",
    ],
)
def test_no_message_has_the_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(UsageError) as caught:
        connect()
    assert "sesame" not in f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None
    assert VARIABLE in str(caught.value)


def test_without_a_server_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, "PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no PostgreSQL server is named"):
        PgVector().index(random_items(3, SPACE, seed=1), SPACE)


def test_a_server_that_goes_away_is_named(server: str) -> None:
    index = PgVector().index(random_items(30, SPACE, seed=11), SPACE)
    with psycopg.connect(server, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    with pytest.raises(UsageError, match="did not search"):
        index.search(random_items(1, SPACE, seed=12), 1)


def test_a_user_who_may_not_create_is_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
    monkeypatch.setenv(VARIABLE, server.replace("postgres:@", "reader:@"))
    with pytest.raises(UsageError, match="GRANT CREATE"):
        Postgres().index(random_items(3, SPACE, seed=1), SPACE)


def test_start_up_imports_no_driver() -> None:
    """Plugins are listed without psycopg and torch."""
    code = "import robusthash_pgvector.plugin, sys; assert not {'psycopg', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
