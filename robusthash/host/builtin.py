"""The core's own plugin: the exact retriever, the ranking metrics, and the executors. Importable without torch."""

from collections.abc import Iterable, Iterator

from robusthash.hookspecs import hookimpl
from robusthash.metrics.catalogue import CORE_METRICS
from robusthash.specs import ExecutorSpec, MetricSpec, RetrieverSpec


@hookimpl
def robusthash_retrievers() -> Iterator[RetrieverSpec]:
    """Exact search in torch."""
    yield RetrieverSpec(
        name="torch",
        factory="robusthash.retrieval:TorchRetriever",
        summary="Exact search of codes and descriptors in torch, on CPU and GPU",
    )


@hookimpl
def robusthash_executors() -> Iterator[ExecutorSpec]:
    """This process, and others of this machine."""
    module = "robusthash.evaluation.running.executing.executors"
    yield ExecutorSpec(name="local", factory=f"{module}:Local", summary="Shards one after another, in this process")
    yield ExecutorSpec(name="processes", factory=f"{module}:Processes", summary="Worker processes of this machine")


@hookimpl
def robusthash_metrics() -> Iterable[MetricSpec]:
    """Ranking metrics, each a named protocol."""
    return CORE_METRICS
