"""The connection to the user's server. What it is opened with is in no option, record, message or log."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from robusthash.errors import MissingDependencyError, UsageError

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:  # psycopg without a libpq fails like this, too
    raise MissingDependencyError(
        f"this retriever cannot import psycopg: {error}", hint="pip install 'psycopg[binary]'"
    ) from error

VARIABLE = "ROBUSTHASH_PGVECTOR_DSN"  #: the server, as a URL or as libpq's keywords
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")  #: variables that name a server to every client

Connection = psycopg.Connection[tuple[Any, ...]]


def connect() -> tuple[Connection, str]:
    """A connection in autocommit mode, and the server's name for messages: host, port and database.

    Raises:
        UsageError: no server is named, or it cannot be reached.
    """
    named = os.environ.get(VARIABLE, "")
    if not named and not any(os.environ.get(name) for name in _LIBPQ):
        raise UsageError(
            "no PostgreSQL server is named",
            hint=f"set {VARIABLE}=postgresql://user@host/database, or {_LIBPQ[0]} and {_LIBPQ[-1]}; "
            "python -m robusthash_pgvector.server starts one",
        )
    try:
        known = {name: value for name, value in conninfo_to_dict(named).items() if value is not None}
    except psycopg.Error:  # its message repeats what it was given, password and all
        raise UsageError(
            f"{VARIABLE} names no PostgreSQL server",
            hint="write postgresql://user@host:port/database, or host=... port=... dbname=... user=...",
        ) from None
    place = _place(known)
    try:
        connection = psycopg.connect(named, autocommit=True)
    except psycopg.Error as error:
        secret = str(known.get("password") or os.environ.get("PGPASSWORD") or "")
        why = str(error).partition("\n")[0]
        raise UsageError(
            f"cannot connect to PostgreSQL at {place}: {why.replace(secret, '***') if secret else why}",
            hint=f"is the server up? {VARIABLE} names it; passwords belong into ~/.pgpass or PGPASSWORD",
        ) from None
    return connection, place


@contextmanager
def asking(place: str, what: str) -> Iterator[None]:
    """Turns what the server refuses into an error that says what was asked, and where.

    Args:
        place: the server's name.
        what: is being done, as in ``search``.

    Raises:
        UsageError: the server refused, or is gone.
    """
    try:
        yield
    except psycopg.Error as error:
        refused = isinstance(error, psycopg.errors.InsufficientPrivilege)
        raise UsageError(
            f"PostgreSQL at {place} did not {what}: {str(error).partition(chr(10))[0]}",
            hint="the user needs CREATE on the database: GRANT CREATE ON DATABASE ... TO ..."
            if refused
            else "see the server's log",
        ) from error


def _place(known: dict[str, Any]) -> str:
    host = known.get("host") or known.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
    port = known.get("port") or os.environ.get("PGPORT")
    database = known.get("dbname") or os.environ.get("PGDATABASE")
    return f"{host}{f':{port}' if port else ''}{f', database {database}' if database else ''}"
