"""What this distribution offers. Imports neither psycopg nor torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import Exactness, RetrieverSpec


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """A scan with pgvector, one with nothing but PostgreSQL, and pgvector's graph of neighbours."""
    yield RetrieverSpec(
        name="pgvector",
        factory="robusthash_pgvector.retrievers:PgVector",
        summary="PostgreSQL with pgvector, exact: ORDER BY code <~> query, id",
        exactness=Exactness.EXACT,
        preference=-10,
    )
    yield RetrieverSpec(
        name="pgvector-hnsw",
        factory="robusthash_pgvector.retrievers:PgVectorHNSW",
        summary="PostgreSQL with pgvector's graph of neighbours, approximate, with pgvector's own defaults",
        paper="malkov2020efficient",
        exactness=Exactness.APPROXIMATE,
    )
    yield RetrieverSpec(
        name="postgres",
        factory="robusthash_pgvector.retrievers:Postgres",
        summary="PostgreSQL without any extension, exact: ORDER BY bit_count(code # query), id",
        exactness=Exactness.EXACT,
        preference=-10,
    )
