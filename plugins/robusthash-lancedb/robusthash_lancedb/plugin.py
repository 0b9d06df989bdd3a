"""What this distribution offers. Imports neither lancedb nor torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import Exactness, RetrieverSpec


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """A scan of a table on disk, and inverted lists over it."""
    yield RetrieverSpec(
        name="lancedb",
        factory="robusthash_lancedb.retrievers:LanceDB",
        summary="LanceDB, embedded and on disk, exact",
        exactness=Exactness.EXACT,
        preference=-10,
    )
    yield RetrieverSpec(
        name="lancedb-ivf",
        factory="robusthash_lancedb.retrievers:LanceDBIVF",
        summary="LanceDB's inverted lists (IVF_FLAT), on disk, approximate, with LanceDB's own defaults",
        paper="jegou2011product",
        exactness=Exactness.APPROXIMATE,
    )
