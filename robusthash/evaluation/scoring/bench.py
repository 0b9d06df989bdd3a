"""A victim on the bench: its database, its queries, and everything that its cells share."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from robusthash.adversary import Targets, TargetSelector, VictimProbe, probe
from robusthash.contracts import CodeBank, Randomness, Space, Split, isolated_randomness
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.scoring.score import Database, per_query
from robusthash.evaluation.victims.codes import cached_codes
from robusthash.evaluation.victims.making import Victim, get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.hashing import pack
from robusthash.metrics import Relevance, worst_counts
from robusthash.results import DatasetUse
from robusthash.storage import digest

PROBED = 16  #: queries that a victim's gradients are looked at on


class Bench:
    """A victim on the bench: its database, its queries, and everything that its cells share.

    Args:
        plan: which victim.
        resources: the dataset and the plugins.
    """

    def __init__(self, plan: VictimPlan, resources: Resources) -> None:
        self.plan = plan
        self.resources = resources

    @cached_property
    def victim(self) -> Victim:
        """The model, frozen, on the device."""
        return get_victim(self.plan, self.resources)

    @cached_property
    def queries(self) -> Split:
        """The queries to attack."""
        return self.resources.data.query.take(self.resources.query_positions)

    @cached_property
    def query_ids(self) -> Tensor:
        """(n,) int64, their positions in the dataset's query split."""
        return torch.tensor(self.resources.query_positions, dtype=torch.int64)

    @cached_property
    def database_codes(self) -> Tensor:
        """(items, bits) int8."""
        return self._codes(self.resources.data.database)

    @cached_property
    def bank(self) -> CodeBank:
        """Codes and labels of the train split, on the device."""
        train, device = self.resources.data.train, self.resources.device
        return CodeBank(codes=self._codes(train).to(device), labels=train.labels.to(device))

    @cached_property
    def database(self) -> Database:
        """What is searched."""
        packed = pack(self.database_codes)
        space = Space.hamming(self.victim.model.bits)
        index = self.resources.retriever_for(space.distance).plugin.index(packed, space)
        return Database(representation=packed, labels=self.resources.data.database.labels, space=space, index=index)

    @cached_property
    def targets(self) -> Targets:
        """Target labels and anchors: the same for every victim and attack of this dataset and seed."""
        selector = TargetSelector(seed=self.resources.setting.seed)
        return selector.select(self.queries.labels, self.query_ids, self.resources.data.database.labels)

    @cached_property
    def dataset_use(self) -> DatasetUse:
        """What the record says of the dataset."""
        use, data = self.resources.dataset.use, self.resources.data
        return DatasetUse(
            name=data.name,
            owner=use.owner,
            options=use.options,
            digest=data.digest,
            queries=len(self.queries),
            query_digest=self.queries.digest,
            database=len(data.database),
        )

    def headline(self, packed: Tensor, rows: Sequence[int]) -> np.ndarray:
        """The headline metric of some of the queries, by their own labels: (rows,) float64.

        Args:
            packed: (rows, bytes) uint8, their codes.
            rows: which queries.
        """
        metric = next(iter(self.resources.metrics.values()))
        labels = self.queries.labels[list(rows)]
        return per_query(metric, packed, labels, self.database, relevance=Relevance.SHARE_ANY)

    def worst_possible(self, rows: Sequence[int]) -> np.ndarray:
        """The least that the headline metric of these queries can be: (rows,) float64.

        Args:
            rows: which queries.
        """
        return self._worst_possible[list(rows)]

    @cached_property
    def _worst_possible(self) -> np.ndarray:
        metric = next(iter(self.resources.metrics.values()))
        labels = self.queries.labels, self.resources.data.database.labels
        space = Space.hamming(self.victim.model.bits)
        return metric.per_query(worst_counts(*labels, space=space, relevance=Relevance.SHARE_ANY)).expected

    @cached_property
    def compiled(self) -> Callable[[Tensor], Tensor] | None:
        """The victim's compiled form, where that is asked for. Its batch may shrink with every step."""
        return torch.compile(self.victim.model, dynamic=True) if self.resources.setting.compiled else None

    @cached_property
    def probe(self) -> VictimProbe:
        """A look at the victim's gradients, on its first queries."""
        rows = range(min(PROBED, len(self.queries)))
        images = self.queries.images.pixels(rows).to(self.resources.device)
        with isolated_randomness(
            Randomness(seed=self.resources.setting.seed, purpose="probe"), self.query_ids.to(images.device)
        ):
            return probe(self.victim.model, images)

    def _codes(self, split: Split) -> Tensor:
        key = digest(
            {"weights": self.victim.use.digest, "defense": asdict(self.victim.defense) if self.victim.defense else None}
        )
        return cached_codes(
            self.victim.model, key, split, device=self.resources.device, progress=self.resources.progress
        )


class Benches:
    """The victims at hand: the last few, because each holds a model.

    Args:
        resources: the dataset and the plugins.
    """

    most = 4

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self._held: dict[VictimPlan, Bench] = {}

    def get(self, plan: VictimPlan) -> Bench:
        """A victim's bench, made on first use."""
        bench = self._held.pop(plan, None) or Bench(plan, self.resources)
        self._held[plan] = bench
        if len(self._held) > self.most:
            del self._held[next(iter(self._held))]
        return bench

    def drop(self, plan: VictimPlan) -> None:
        """Forgets a victim whose model may have been changed."""
        self._held.pop(plan, None)
