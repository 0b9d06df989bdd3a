"""What this distribution offers. Imports neither faiss nor torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import Exactness, RetrieverSpec


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """The flat binary index."""
    yield RetrieverSpec(
        name="faiss",
        factory="robusthash_faiss.flat:FaissFlat",
        summary="FAISS flat binary index, exact, on CPU or GPU (k up to 2048 there)",
        paper="douze2024faiss",
        exactness=Exactness.EXACT,
    )
