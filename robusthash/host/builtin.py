"""The core's own plugin: the exact retriever and the ranking metrics. Importable without torch."""

from collections.abc import Iterable, Iterator

from robusthash.hookspecs import hookimpl
from robusthash.metrics.catalogue import CORE_METRICS
from robusthash.specs import MetricSpec, RetrieverSpec


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """The exact retriever."""
    yield RetrieverSpec(
        name="torch",
        factory="robusthash.retrieval:TorchRetriever",
        summary="Exact Hamming search in torch, on CPU and GPU",
    )


@hookimpl
def robusthash_metrics() -> Iterable[MetricSpec]:
    """Ranking metrics, each a named protocol."""
    return CORE_METRICS
