"""Scales: the database, labels and metrics that queries are scored with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from robusthash.evaluation.scoring.score import Scored, per_query, score, values
from robusthash.evaluation.victims.queries import Queries
from robusthash.evaluation.victims.system import Database, System
from robusthash.hashing import vote
from robusthash.metrics import RankingMetric, Relevance, random_floor, worst_counts, worst_floor
from robusthash.results import Against


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What queries are scored with; it also judges the members of an ensemble.

    Attributes:
        database: the items that are searched.
        labels: labels that decide relevance, (queries, classes) uint8: the queries' own labels, and for a targeted
            attack also the target labels.
        anchors: for a targeted attack, one representation per query that stands for its anchors; else None.
        metrics: ranking metrics by name, the headline first.
        relevance: when an item is relevant to a query.
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
        """The scale of a system.

        Args:
            system: the victim and its database.
            queries: all queries of the run.
            targeted: whether to score by target labels, too.
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
        """Name of the headline metric."""
        return next(iter(self.metrics))

    def score(self, items: Tensor, against: Against) -> Scored:
        """Scores the representations of all queries.

        Args:
            items: one row per query.
            against: the labels that decide relevance.

        Raises:
            ContractError: a retriever that claims to be exact returned wrong distances.
        """
        return score(items, self.labels[against], self.database, self.metrics, seed=self.seed, relevance=self.relevance)

    def judged(self, items: Tensor, rows: Sequence[int]) -> np.ndarray:
        """The headline metric of some queries, by their own labels.

        Args:
            items: their representations, one row each.
            rows: positions of the queries.

        Returns:
            (rows,) float64, ties in expectation.
        """
        labels = self.labels[Against.OWN][list(rows)]
        return per_query(self.metrics[self.headline], items, labels, self.database, relevance=self.relevance)

    @cached_property
    def worst_possible(self) -> np.ndarray:
        """The lowest possible headline metric of each query: (queries,) float64.

        It is reached if all irrelevant items are nearest and all relevant ones farthest.
        """
        own, items = self.labels[Against.OWN], self.database.labels
        counts = worst_counts(own, items, space=self.database.space, relevance=self.relevance)
        return values(self.metrics[self.headline], counts).expected

    @cached_property
    def floors(self) -> dict[Against, dict[str, float]]:
        """Reference values: ``map`` of random codes and the worst ``map``, and the headline metric of the anchors."""
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
    """One representation for the anchors of each query: the vote of codes, or the mean of descriptors.

    Args:
        anchors: (queries, voters, bits) int8, or (queries, voters, d) float; zeros for absent voters.
        database: where they come from.

    Returns:
        (queries, ceil(bits / 8)) uint8 packed codes, or (queries, d) float32.
    """
    if database.space.binary:
        return database.space.represent(vote(anchors))
    present = anchors.any(2).sum(1, keepdim=True).clamp_min(1)
    return database.space.represent(anchors.sum(1) / present)
