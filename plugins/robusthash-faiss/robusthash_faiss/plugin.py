"""What this distribution offers. Imports neither faiss nor torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import Exactness, RetrieverSpec


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """The flat indexes, and the approximate ones over codes."""
    yield RetrieverSpec(
        name="faiss",
        factory="robusthash_faiss.flat:FaissFlat",
        summary="FAISS flat indexes for codes and descriptors, exact, on CPU or GPU (k up to 2048 there)",
        paper="douze2024faiss",
        exactness=Exactness.EXACT,
        preference=10,
    )
    yield RetrieverSpec(
        name="faiss-ivf",
        factory="robusthash_faiss.ivf:FaissIVF",
        summary="FAISS inverted lists, approximate, on the CPU",
        paper="jegou2011product",
        exactness=Exactness.APPROXIMATE,
    )
    yield RetrieverSpec(
        name="faiss-hnsw",
        factory="robusthash_faiss.hnsw:FaissHNSW",
        summary="FAISS graph of neighbours, approximate, on the CPU",
        paper="malkov2020efficient",
        exactness=Exactness.APPROXIMATE,
    )
    yield RetrieverSpec(
        name="faiss-multihash",
        factory="robusthash_faiss.multihash:FaissMultiHash",
        summary="FAISS hash tables over substrings, approximate, on the CPU",
        paper="norouzi2012fast",
        exactness=Exactness.APPROXIMATE,
    )
