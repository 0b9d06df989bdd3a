"""What records must have in common for their numbers to be comparable."""

from dataclasses import dataclass

from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against
from robusthash.specs import Direction, Distance, Norm


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """What comparable records have in common.

    Attributes:
        dataset: its name.
        dataset_digest: of the three splits.
        queries: number of attacked queries.
        query_digest: of these queries.
        database: number of database items.
        direction: modalities of queries and items.
        distance: between queries and items.
        metric: the metric shown.
        protocol: protocol id of the metric.
        relevance: when an item is relevant.
        seed: of the run.
        norm: of the threat.
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
    norm: Norm

    @staticmethod
    def of(record: Record) -> "Comparable":
        """What a record must share with others for their headlines to be comparable."""
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
            norm=record.attack.norm,
        )

    def title(self, *parts: str) -> str:
        """A title in one line. It names direction and distance only if they are not ``i2i`` and ``hamming``.

        Args:
            parts: further things that the records have in common.
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
    """The name of a metric in the head of a column.

    >>> metric_title("map"), metric_title("map@5000", Against.TARGET)
    ('MAP', 't-map@5000')
    """
    return against.qualify("MAP" if metric == "map" else metric)
