"""What records must have in common before any two of their numbers may stand side by side."""

from dataclasses import dataclass

from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against
from robusthash.specs import Direction, Distance


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """Queries, database, distance, metric and seed.

    Attributes:
        dataset: its name.
        dataset_digest: of the three splits.
        queries: number of queries attacked.
        query_digest: of these queries.
        database: number of items searched.
        direction: what searches for what.
        distance: how queries and items are compared.
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
    direction: Direction
    distance: Distance
    metric: str
    protocol: str
    relevance: str
    seed: int

    @staticmethod
    def of(record: Record) -> "Comparable":
        """What a record's headline may be compared with."""
        dataset, scoring = record.dataset, record.scoring
        return Comparable(
            dataset=dataset.name,
            dataset_digest=dataset.digest,
            queries=dataset.queries,
            query_digest=dataset.query_digest,
            database=dataset.database,
            direction=record.victim.direction,
            distance=record.victim.model.distance,
            metric=scoring.headline,
            protocol=scoring.protocol,
            relevance=scoring.relevance,
            seed=record.conditions.seed,
        )

    def title(self, *parts: str) -> str:
        """All of it in one line. Direction and distance are told where they are not those of images and codes.

        Args:
            parts: what else the records have in common.
        """
        odd = [
            *([str(self.direction)] if self.direction is not Direction.I2I else []),
            *([str(self.distance)] if self.distance is not Distance.HAMMING else []),
        ]
        return " · ".join(
            [
                f"{self.dataset}: {self.queries} queries, {self.database} items",
                *odd,
                *parts,
                self.protocol,
                self.relevance,
                f"seed {self.seed}",
            ]
        )


def metric_title(metric: str, against: Against = Against.OWN) -> str:
    """A metric's name above a column.

    >>> metric_title("map"), metric_title("map@5000", Against.TARGET)
    ('MAP', 't-map@5000')
    """
    return against.qualify("MAP" if metric == "map" else metric)
