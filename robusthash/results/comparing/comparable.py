"""What records must have in common before any two of their numbers may stand side by side."""

from dataclasses import dataclass
from typing import Any

from robusthash.results.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """Queries, database, metric and seed.

    Attributes:
        dataset: its name.
        dataset_digest: of the three splits.
        queries: number of queries attacked.
        query_digest: of these queries.
        database: number of items searched.
        metric: the metric shown.
        protocol: the metric's protocol id.
        relevance: what counts as relevant.
        seed: of the run.
    """

    dataset: str
    dataset_digest: str
    queries: int
    query_digest: str
    database: int
    metric: str
    protocol: str
    relevance: str
    seed: int


def fields_of(record: Record, metric: str, protocol: str) -> dict[str, Any]:
    """The fields of a :class:`Comparable`, under a metric and its protocol id."""
    dataset = record.dataset
    return {
        "dataset": dataset.name,
        "dataset_digest": dataset.digest,
        "queries": dataset.queries,
        "query_digest": dataset.query_digest,
        "database": dataset.database,
        "metric": metric,
        "protocol": protocol,
        "relevance": record.scoring.relevance,
        "seed": record.conditions.seed,
    }
