"""What this distribution offers. Imports neither ray nor torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import Exactness, ExecutorSpec, RetrieverSpec


@hookimpl
def robusthash_executors() -> Iterator[ExecutorSpec]:
    """Workers on a Ray cluster."""
    yield ExecutorSpec(
        name="ray",
        factory="robusthash_ray.executor:Ray",
        summary="Workers on a Ray cluster, or on one that is started on this machine for the run",
        paper="moritz2018ray",
    )


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """An index that is spread over a Ray cluster. Its preference is below the core's: it is taken by name alone."""
    yield RetrieverSpec(
        name="ray-faiss",
        factory="robusthash_ray.retriever:RayFaiss",
        summary="FAISS flat indexes of codes, in parts on the machines of a Ray cluster, exact",
        paper="douze2024faiss",
        exactness=Exactness.EXACT,
        preference=-1,
    )
