"""What the queries' codes are scored on: a database, the labels that count, and the metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from robusthash.evaluation.scoring.score import Scored, per_query, score
from robusthash.evaluation.victims.queries import Queries
from robusthash.evaluation.victims.system import Database, System
from robusthash.hashing import vote
from robusthash.metrics import RankingMetric, Relevance, random_floor, worst_counts, worst_floor
from robusthash.results import Against


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What the queries' representations are scored on; it judges the members of an ensemble too.

    Attributes:
        database: what is searched.
        labels: by what decides relevance, (queries, classes) uint8: the queries' own labels; for a targeted attack its
            target labels too.
        anchors: the representation that a targeted attack is drawn to, one a query; None for an untargeted one.
        metrics: by name, the headline first.
        relevance: when an item is relevant.
        seed: of the bootstrap.
    """

    database: Database
    labels: Mapping[Against, Tensor]
    anchors: Tensor | None
    metrics: Mapping[str, RankingMetric]
    relevance: Relevance
    seed: int

    @classmethod
    def of(cls, system: System, queries: Queries, *, targeted: bool) -> "Scale":
        """The scale of a run.

        Args:
            system: the victim and its database.
            queries: all of them.
            targeted: whether relevance to the target labels counts too.
        """
        database, resources = system.database, system.resources
        labels = {Against.OWN: queries.labels}
        anchors = None
        if targeted:
            labels[Against.TARGET] = queries.targets.labels
            anchors = representative(queries.targets.anchor_codes(database.codes), database)
        return cls(
            database=database,
            labels=labels,
            anchors=anchors,
            metrics=resources.metrics_for(system.space),
            relevance=resources.setting.relevance,
            seed=resources.setting.seed,
        )

    @property
    def headline(self) -> str:
        """Name of the metric that counts first."""
        return next(iter(self.metrics))

    def score(self, items: Tensor, against: Against) -> Scored:
        """Scores a representation of every query.

        Args:
            items: one row a query.
            against: which labels decide what is relevant.
        """
        return score(items, self.labels[against], self.database, self.metrics, seed=self.seed, relevance=self.relevance)

    def judged(self, items: Tensor, rows: Sequence[int]) -> np.ndarray:
        """The headline metric of some of the queries, by their own labels: (rows,) float64.

        Args:
            items: their representation, one row each.
            rows: which queries.
        """
        labels = self.labels[Against.OWN][list(rows)]
        return per_query(self.metrics[self.headline], items, labels, self.database, relevance=self.relevance)

    @cached_property
    def worst_possible(self) -> np.ndarray:
        """The least that the headline metric of each query can be: (queries,) float64.

        Every irrelevant item is nearest, and every relevant one as far as can be.
        """
        own, items = self.labels[Against.OWN], self.database.labels
        counts = worst_counts(own, items, space=self.database.space, relevance=self.relevance)
        return self.metrics[self.headline].per_query(counts).expected

    @cached_property
    def floors(self) -> dict[Against, dict[str, float]]:
        """Reference values of ``map``, which follow from the labels; and what the anchors themselves score."""
        items = self.database.labels
        own = self.labels[Against.OWN]
        floors = {
            Against.OWN: {
                "random": random_floor(own, items, relevance=self.relevance),
                "worst": worst_floor(own, items, relevance=self.relevance),
            }
        }
        targets = self.labels.get(Against.TARGET)
        if targets is not None and self.anchors is not None:
            floors[Against.TARGET] = {
                "random": random_floor(targets, items, relevance=self.relevance),
                "anchor": self.score(self.anchors, Against.TARGET).measures[self.headline].value,
            }
        return floors


def representative(anchors: Tensor, database: Database) -> Tensor:
    """What stands for each query's anchors: the vote of codes, packed; the mean of descriptors.

    Args:
        anchors: (queries, voters, bits) int8, or (queries, voters, d) float; zeros for absent voters.
        database: says which.
    """
    if database.space.binary:
        return database.space.represent(vote(anchors))
    present = anchors.any(2).sum(1, keepdim=True).clamp_min(1)
    return database.space.represent(anchors.sum(1) / present)
