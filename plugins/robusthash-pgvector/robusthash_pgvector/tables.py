"""Tables of codes on the server: each filled once, found again by whoever has the same, and dropped after the last.

Three things keep runs out of each other's way, and all of them end with the connection, however that ends:

* A table is made, filled and indexed in one transaction. One that was killed leaves nothing; one that exists is whole.
* Who fills holds a lock, so that another that wants the same table waits, and finds it.
* Who searches shares another lock. Who leaves last gets it alone, and drops the table; so does the next run, with what
  killed ones have left.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import sql
from torch import Tensor

from robusthash_pgvector.connecting import Connection

SCHEMA = "robusthash"
_KEPT = "kept"  #: comment on a table that no run drops
_ROWS = 1 << 16  #: sent at once
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of codes, ``(id integer, code bit(width))``.

    Attributes:
        name: of the table; it is a digest, so equal codes with equal indexes have one.
        width: bits of a code, with its padding.
    """

    name: str
    width: int

    @classmethod
    def of(cls, key: str, made: Sequence[object], width: int) -> "Table":
        """The table of a database.

        Args:
            key: digest of its codes.
            made: how it is indexed.
            width: bits of a code.
        """
        return cls(name=f"codes_{hashlib.sha256(repr((key, *made)).encode()).hexdigest()[:32]}", width=width)

    @property
    def sql(self) -> sql.Identifier:
        """Its quoted name."""
        return sql.Identifier(SCHEMA, self.name)


def hold(connection: Connection, table: Table, items: Tensor, indexes: Sequence[sql.Composed], *, keep: bool) -> None:
    """Finds a table or makes it, and holds it until :func:`leave`, or until the connection ends.

    Args:
        connection: to the server.
        table: which.
        items: (n, width / 8) uint8 packed codes.
        indexes: statements that index it.
        keep: whether it is to stay when nobody holds it.
    """
    _sweep(connection)
    use, fill = _locks(table.name)
    connection.execute("SELECT pg_advisory_lock_shared(%s)", (use,))
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (fill,))
        if not _exists(connection, table):
            _make(connection, table, items, indexes)
        if keep:
            connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table.sql, sql.Literal(_KEPT)))


def leave(connection: Connection, table: Table) -> None:
    """Ends the hold, and drops the table if nobody else holds it and it is not kept."""
    use, _ = _locks(table.name)
    connection.execute("SELECT pg_advisory_unlock_shared(%s)", (use,))
    _sweep(connection, only=table.name)


def _exists(connection: Connection, table: Table) -> bool:
    row = connection.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.{table.name}",)).fetchone()
    return row is not None and row[0] is not None


def _make(connection: Connection, table: Table, items: Tensor, indexes: Sequence[sql.Composed]) -> None:
    # CREATE SCHEMA IF NOT EXISTS fails for one of two that begin at once: they take turns.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_number(SCHEMA),))
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
    create = "CREATE TABLE {} (id integer PRIMARY KEY, code bit({}) NOT NULL)"
    connection.execute(sql.SQL(create).format(table.sql, sql.Literal(table.width)))
    copy = sql.SQL("COPY {} (id, code) FROM STDIN (FORMAT BINARY)").format(table.sql)
    with connection.cursor().copy(copy) as sink:
        sink.write(_SIGNATURE)
        for block in _rows(items):
            sink.write(block)
        sink.write(struct.pack(">h", -1))
    for statement in indexes:
        connection.execute(statement)
    connection.execute(sql.SQL("ANALYZE {}").format(table.sql))


def _rows(items: Tensor) -> Iterator[bytes]:
    """Rows as ``COPY`` reads them: two fields, the id and the code, each after its length in bytes."""
    codes = items.cpu().numpy()
    octets = codes.shape[1]
    form = np.dtype(
        [("fields", ">i2"), ("four", ">i4"), ("id", ">i4"), ("length", ">i4"), ("bits", ">i4"), ("code", "u1", octets)]
    )
    for start in range(0, len(codes), _ROWS):
        block = codes[start : start + _ROWS]
        rows = np.empty(len(block), form)
        rows["fields"], rows["four"], rows["length"], rows["bits"] = 2, 4, 4 + octets, 8 * octets
        rows["id"], rows["code"] = np.arange(start, start + len(block)), block
        yield rows.tobytes()


def _sweep(connection: Connection, *, only: str | None = None) -> None:
    """Drops this user's tables that nobody holds and that are not kept."""
    found = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind = 'r' AND c.relname LIKE 'codes\\_%%' "
        "AND pg_get_userbyid(c.relowner) = current_user "
        "AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM %s",
        (SCHEMA, _KEPT),
    ).fetchall()
    for (name,) in found:
        if only is not None and name != only:
            continue
        use, _ = _locks(name)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (use,)).fetchone()
        if row is None or not row[0]:
            continue
        try:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(SCHEMA, name)))
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (use,))


def _locks(name: str) -> tuple[int, int]:
    """Numbers of the locks on a table: of those who use it, and of who fills it."""
    return _number(f"use {name}"), _number(f"fill {name}")


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"robusthash {name}".encode()).digest()[:8], "big", signed=True)
