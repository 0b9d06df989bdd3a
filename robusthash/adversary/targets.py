"""Target labels and anchors, drawn once per dataset and seed and used by every attack."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Randomness, Space
from robusthash.errors import DatasetError, OptionError


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The targets of each query.

    Attributes:
        labels: (n, classes) uint8, target labels.
        anchors: (n, voters) int64, positions of database items with exactly the target label; -1 is an absent voter.
    """

    labels: Tensor
    anchors: Tensor

    def anchor_codes(self, database: Tensor, space: Space) -> Tensor:
        """Codes of the anchors, as :func:`anchor_codes` returns them.

        Args:
            database: representations of its items.
            space: of the representations.
        """
        return anchor_codes(self.anchors, database, space)


def anchor_codes(anchors: Tensor, database: Tensor, space: Space) -> Tensor:
    """Codes, or descriptors, of anchors. Of a database of packed codes, only those of the anchors are unpacked.

    Args:
        anchors: (n, voters) int64, positions in the database; -1 is an absent voter.
        database: representations of its items: (items, ceil(bits / 8)) uint8 packed codes, or (items, d) float32.
        space: of the representations.

    Returns:
        (n, voters, bits) int8 in {-1, +1}, or (n, voters, d) float32; zeros for absent voters.
    """
    codes = space.codes(database[anchors.clamp_min(0).flatten()])
    codes = codes.view(*anchors.shape, codes.shape[1])
    return codes * (anchors >= 0).unsqueeze(2).to(codes.dtype)


@dataclass(frozen=True, kw_only=True)
class TargetSelector:
    """Draws a target label for each query, different from its own, and anchors with that label.

    A label vector is drawn uniformly from the distinct ones in the database: from those that share no label with the
    query and have enough items for the vote; if there are none, from those that share no label; else from those that
    share fewest. The all-zero vector is never a target. Published attacks differ in these rules; a single rule makes
    them comparable.

    Attributes:
        seed: of the run.
        voters: number of anchors in a vote (nine in DHTA and RNM); odd, so that no bit is tied.

    Raises:
        OptionError: ``voters`` is not odd and positive.
    """

    seed: int
    voters: int = 9

    def __post_init__(self) -> None:
        if self.voters < 1 or self.voters % 2 == 0:
            raise OptionError(f"voters={self.voters}", hint="an odd number of anchors, so that no bit is tied")

    def select(self, query_labels: Tensor, query_ids: Tensor, database_labels: Tensor) -> Targets:
        """Draws the targets of some queries. A query's targets do not depend on the other queries.

        Args:
            query_labels: (n, classes) uint8.
            query_ids: (n,) int64, positions in the dataset's query split.
            database_labels: (items, classes) uint8.

        Raises:
            DatasetError: no item of the database has a label.
        """
        vectors, inverse, counts = np.unique(database_labels.numpy(), axis=0, return_inverse=True, return_counts=True)
        usable = vectors.sum(axis=1) > 0
        if not usable.any():
            raise DatasetError("no item of the database has a label", hint="targeted attacks need labels")
        items = np.split(np.argsort(inverse.reshape(-1), kind="stable"), np.cumsum(counts)[:-1])
        enough = counts >= self.voters
        overlap = query_labels.numpy().astype(np.int64) @ vectors.T.astype(np.int64)
        random = Randomness(seed=self.seed, purpose="targets")
        labels = np.empty((len(query_ids), vectors.shape[1]), dtype=np.uint8)
        anchors = np.full((len(query_ids), self.voters), -1, dtype=np.int64)
        for row, query in enumerate(query_ids.tolist()):
            draw = random.generator(query)
            choice = int(draw.choice(_candidates(overlap[row], usable, enough)))
            voters = min(self.voters, (len(items[choice]) - 1) // 2 * 2 + 1)
            labels[row] = vectors[choice]
            anchors[row, :voters] = draw.choice(items[choice], size=voters, replace=False)
        return Targets(labels=torch.from_numpy(labels), anchors=torch.from_numpy(anchors))


def _candidates(overlap: np.ndarray, usable: np.ndarray, enough: np.ndarray) -> np.ndarray:
    for allowed in (usable & (overlap == 0) & enough, usable & (overlap == 0)):
        if allowed.any():
            return np.flatnonzero(allowed)
    return np.flatnonzero(usable & (overlap == overlap[usable].min()))
