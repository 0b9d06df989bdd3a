"""PostgreSQL as a retriever of hash codes: with pgvector, exact or by a graph, and with nothing but itself."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from psycopg import sql
from torch import Tensor

from robusthash.contracts import Ball, Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError, UsageError
from robusthash_pgvector import tables
from robusthash_pgvector.connecting import Connection, asking, connect
from robusthash_pgvector.tables import Table

_EXACT = RetrieverCapabilities(exact=True, max_k=None, radius=True)
_BIT_COUNT = 140000  #: PostgreSQL 14 has bit_count for bit strings
_HAMMING, _ITERATIVE = (0, 7), (0, 8)  #: versions of pgvector that have <~>, and iterative scans


@dataclass(frozen=True, kw_only=True)
class _Stored(Retriever):
    """What the retrievers here share: codes in a table of the server that the environment names."""

    keep: bool = False  #: leave the table on the server for later runs

    #: The distance of a row's code and the query's.
    _distance = "code <~> {code}"

    def _settings(self) -> Mapping[str, object]:
        """Settings of the session that searches."""
        return {"jit": "off"}  # it compiles longer than the search takes

    def _indexes(self, table: Table) -> Sequence[sql.Composed]:  # noqa: ARG002 - a scan needs no index
        """Statements that index the table."""
        return ()

    def _made(self) -> Sequence[object]:
        """How the table is indexed: one with another index is another table."""
        return ()

    @abstractmethod
    def _require(self, connection: Connection) -> None:
        """Fails unless the server has what the search needs."""

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        table = Table.of(key, (type(self).__name__, *self._made()), 8 * items.shape[1])
        connection, place = connect()
        try:
            self._require(connection)
            with asking(place, f"store {len(items)} codes"):
                for name, value in self._settings().items():
                    connection.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
                tables.hold(connection, table, items, self._indexes(table), keep=self.keep)
        except BaseException:
            connection.close()
            raise
        return TableIndex(connection, table, place, self._distance, items, space, key, self.capabilities)


@dataclass(frozen=True, kw_only=True)
class Postgres(_Stored):
    """A scan by ``bit_count(code # query)``, which PostgreSQL has since version 14, without any extension."""

    _distance = "bit_count(code # {code})"

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, any k, any radius."""
        return _EXACT

    def _require(self, connection: Connection) -> None:
        if connection.info.server_version < _BIT_COUNT:
            raise UsageError(
                f"PostgreSQL {connection.info.server_version // 10000} has no bit_count",
                hint="use version 14 or later, or the retriever pgvector",
            )


@dataclass(frozen=True, kw_only=True)
class PgVector(_Stored):
    """A scan by pgvector's Hamming distance, ``code <~> query``."""

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, any k, any radius."""
        return _EXACT

    def _require(self, connection: Connection) -> None:
        _require_pgvector(connection, _HAMMING)


@dataclass(frozen=True, kw_only=True)
class PgVectorHNSW(_Stored):
    """pgvector's graph of neighbours over ``bit_hamming_ops``, as an application would ask it.

    A search returns what the graph's walk held: at most ``ef_search`` of its nodes, each with up to ten rows of one
    code. For a longer list it returns fewer rows than were asked for, unless ``iterative_scan`` lets it go on. Levels
    of the graph are drawn by the server, so that another build may find other rows. The planner is kept from scanning
    the table instead: that is the retriever ``pgvector``.
    """

    m: int = 16  #: links of a node
    ef_construction: int = 64  #: candidates held while the graph is built
    ef_search: int = 40  #: candidates held while searching, 1 to 1000
    iterative_scan: Literal["off", "strict_order", "relaxed_order"] = "off"  #: go on until there are k rows

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("m", self.m, 2, 100),
            ("ef_construction", self.ef_construction, max(4, 2 * self.m), 1000),
            ("ef_search", self.ef_search, 1, 1000),
        ):
            if not low <= value <= high:
                raise OptionError(f"{name} is {value}", hint=f"pgvector takes {low} to {high} here")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Approximate; it may return fewer than k; no radius search."""
        return RetrieverCapabilities(exact=False, max_k=None, radius=False, complete=False)

    def _settings(self) -> Mapping[str, object]:
        scan = {} if self.iterative_scan == "off" else {"hnsw.iterative_scan": self.iterative_scan}
        return {**super()._settings(), "enable_seqscan": "off", "hnsw.ef_search": self.ef_search, **scan}

    def _indexes(self, table: Table) -> Sequence[sql.Composed]:
        create = "CREATE INDEX ON {} USING hnsw (code bit_hamming_ops) WITH (m = {}, ef_construction = {})"
        return (sql.SQL(create).format(table.sql, sql.Literal(self.m), sql.Literal(self.ef_construction)),)

    def _made(self) -> Sequence[object]:
        return self.m, self.ef_construction

    def _require(self, connection: Connection) -> None:
        _require_pgvector(connection, _HAMMING if self.iterative_scan == "off" else _ITERATIVE)


class TableIndex(Index):
    """A table of codes on the server; each query is one statement, as an application would send it.

    Args:
        connection: to the server, with the settings of the search.
        table: of the codes.
        place: the server's name, for errors.
        distance: of a row from the query, in SQL.
        items: the database, (size, width / 8) uint8.
        space: Hamming space.
        key: of the database.
        capabilities: what the retriever promises.
    """

    def __init__(
        self,
        connection: Connection,
        table: Table,
        place: str,
        distance: str,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._connection, self._table, self._place = connection, table, place
        code = sql.SQL("%(code)s::bit({})").format(sql.Literal(table.width))
        self._distance = sql.SQL(distance).format(code=code)

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        # An index orders by the distance alone; a scan orders ties by id, too.
        order = sql.SQL(", id") if self.capabilities.exact else sql.SQL("")
        statement = sql.SQL("SELECT ({0})::integer, id FROM {1} ORDER BY {0}{2} LIMIT {3}").format(
            self._distance, self._table.sql, order, sql.Literal(k)
        )
        found = torch.full((2, len(queries), k), -1, dtype=torch.int64)
        for row, answer in enumerate(self._answers(queries, statement)):
            found[:, row, : len(answer)] = torch.tensor(sorted(answer), dtype=torch.int64).reshape(-1, 2).T
        return Neighbours(distances=found[0], ids=found[1])

    def _within(self, queries: Tensor, radius: float) -> Ball:
        statement = sql.SQL("SELECT ({0})::integer, id FROM {1} WHERE {0} <= {2} ORDER BY {0}, id").format(
            self._distance, self._table.sql, sql.Literal(min(int(radius), self._table.width))
        )
        answers = list(self._answers(queries, statement))
        pairs = torch.tensor([pair for answer in answers for pair in answer], dtype=torch.int64).reshape(-1, 2)
        counts = torch.tensor([0, *map(len, answers)], dtype=torch.int64)
        return Ball(offsets=counts.cumsum(0), distances=pairs[:, 0].clone(), ids=pairs[:, 1].clone())

    def _answers(self, queries: Tensor, statement: sql.Composed) -> Iterator[list[tuple[Any, ...]]]:
        with asking(self._place, "search"), self._connection.cursor(binary=True) as cursor:
            for query in queries.cpu().numpy():
                code = format(int.from_bytes(query.tobytes(), "big"), f"0{self._table.width}b")
                yield cursor.execute(statement, {"code": code}).fetchall()

    def _close(self) -> None:
        try:
            with asking(self._place, "drop the table of codes"):
                tables.leave(self._connection, self._table)
        finally:
            self._connection.close()


def _require_pgvector(connection: Connection, least: tuple[int, int]) -> None:
    """Fails unless the database has pgvector, or this user may install it.

    Raises:
        UsageError: it has not, or too old a version.
    """
    with asking(connection.info.host or "the local socket", "install pgvector (or use the retriever postgres)"):
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    found = connection.execute(
        "SELECT extversion, nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
        "WHERE extname = 'vector'"
    ).fetchone()
    assert found is not None  # noqa: S101 - it has just been installed
    version, schema = found
    connection.execute("SELECT set_config('search_path', quote_ident(%s) || ', public', false)", (schema,))
    if tuple(int(part) for part in version.split(".")[:2]) < least:
        raise UsageError(
            f"pgvector is {version} here, and {'.'.join(map(str, least))} is needed",
            hint="ALTER EXTENSION vector UPDATE, or use the retriever postgres",
        )
