"""The queries of a run and their targets; every victim gets the same."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from robusthash.adversary import Targets, TargetSelector
from robusthash.contracts import Inputs, RetrievalData, Split


@dataclass(frozen=True, kw_only=True, eq=False)
class Queries:
    """The queries to attack.

    Attributes:
        split: the items.
        ids: (n,) int64, their positions in the dataset's query split; they key their randomness.
        database_labels: (items, classes) uint8, from which targets are drawn.
        seed: of the run.
    """

    split: Split
    ids: Tensor
    database_labels: Tensor
    seed: int

    @classmethod
    def unlabelled(cls, inputs: Inputs, names: tuple[str, ...], data: RetrievalData, seed: int) -> Self:
        """Queries of the user's own. They have no labels, so every label of the database may be a target.

        Args:
            inputs: the queries.
            names: name of each.
            data: the dataset that is searched.
            seed: of the run.
        """
        labels = torch.zeros((len(inputs), data.database.labels.shape[1]), dtype=torch.uint8)
        split = Split(name="query", views={inputs.modality.name: inputs}, labels=labels, ids=names)
        return cls(split=split, ids=torch.arange(len(inputs)), database_labels=data.database.labels, seed=seed)

    def __len__(self) -> int:
        return len(self.split)

    @property
    def labels(self) -> Tensor:
        """Labels of the queries: (n, classes) uint8."""
        return self.split.labels

    @cached_property
    def targets(self) -> Targets:
        """Target labels and anchors, the same for every victim and attack.

        Raises:
            DatasetError: no item of the database has a label.
        """
        return TargetSelector(seed=self.seed).select(self.labels, self.ids, self.database_labels)


def query_subset(count: int, wanted: int | None, seed: int) -> list[int]:
    """Positions of the queries to attack, ascending: all of them, or a random subset.

    Args:
        count: number of queries in the split.
        wanted: number of queries to attack; None is all.
        seed: of the draw.

    >>> query_subset(5, None, 0)
    [0, 1, 2, 3, 4]
    """
    if wanted is None or wanted >= count:
        return list(range(count))
    draw = np.random.Generator(np.random.Philox(key=seed)).permutation(count)[:wanted]
    return sorted(int(position) for position in draw)
