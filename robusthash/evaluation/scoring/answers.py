"""The answer of a retriever beside the labels and codes of what it returned."""

import numpy as np
from torch import Tensor

from robusthash.boundary import breach
from robusthash.contracts import Index, Neighbours
from robusthash.evaluation.victims.system import Database
from robusthash.metrics import MeasuredCounts, Relevance
from robusthash.metrics.counting.relevance import label_words, relevant


class Answer:
    """What a retriever returned for some queries, compared with the counts of these, in the queries' order.

    Args:
        found: what it returned.
        index: that searched.
        queries: representations of the database's space.
        database: the items that were searched.

    Raises:
        ContractError: it returned ids that are no items, or wrong distances of them.
    """

    def __init__(self, found: Neighbours, index: Index, queries: Tensor, database: Database) -> None:
        check_ids(found, index, queries, database)
        self.found = found
        self._index = index
        self._wrong, self._seen = 0, 0
        self._reached: list[np.ndarray] = []

    def compare(self, counts: MeasuredCounts) -> None:
        """Compares the answers to the next queries with their counts."""
        rows = slice(self._seen, self._seen + len(counts.items))
        self._seen = rows.stop
        k = self.found.ids.shape[1]
        returned, true = counts.comparable(self.found.distances[rows].numpy()), counts.nearest_distances(k)
        there = self.found.ids[rows].numpy() >= 0
        self._wrong += int((np.abs(returned - true) > counts.slack).any(1).sum())
        self._reached.append(there & (returned <= true[:, -1:] + counts.slack))

    def require_exact(self) -> None:
        """Fails if the retriever claims to be exact, and is not.

        Raises:
            ContractError: its distances differ from those of a full scan.
        """
        if self._index.capabilities.exact and self._wrong:
            raise breach(
                self._index,
                f"claims to be exact, but {self._wrong} of {len(self.found.ids)} queries got distances that differ "
                "from a full scan",
                hint="search with --retriever torch, and report it to the retriever's author",
            )

    @property
    def complete(self) -> bool:
        """Whether the retriever promises as many items as it is asked for."""
        return self._index.capabilities.complete

    @property
    def recall(self) -> float:
        """Share of the places that have an item no farther than the true last one."""
        return float(np.concatenate(self._reached).mean())

    @property
    def returned(self) -> float:
        """Share of the places that have an item."""
        return float((self.found.ids >= 0).double().mean())


def check_ids(found: Neighbours, index: Index, queries: Tensor, database: Database) -> None:
    """Checks that a retriever's ids are distinct items at the returned distances; also approximate retrievers must.

    Args:
        found: what it returned.
        index: that searched.
        queries: representations of the database's space.
        database: the items that were searched.

    Raises:
        ContractError: they are not.
    """
    ids = found.ids
    if not ids.numel():
        return
    there = ids >= 0  # that only an index which may return fewer leaves some out was checked by the contract
    if int(ids.max()) >= index.size:
        raise breach(index, "returned ids outside the database", hint="report it to the retriever's author")
    ordered = ids.sort(1).values
    if bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any()):
        raise breach(index, "returned an item twice", hint="report it to the retriever's author")
    if database.space.binary:
        items = database.representation.numpy()[ids.numpy()]
        true = np.bitwise_count(items ^ queries.numpy()[:, None]).sum(2, dtype=np.int64)
        if ((true != found.distances.numpy()) & there.numpy()).any():
            raise breach(
                index,
                "returned ids whose distances differ from those that it returned",
                hint="search with --retriever torch, and report it to the retriever's author",
            )


def precision(neighbours: Tensor, labels: Tensor, database: Database, relevance: Relevance) -> float:
    """Share of returned items that are relevant.

    Args:
        neighbours: (queries, k) int64, their ids, -1 for none.
        labels: (queries, classes) uint8, which decide relevance.
        database: the items that were searched.
        relevance: when an item is relevant to a query.
    """
    wanted = label_words(labels)
    hits = [
        relevant(wanted[:, row, None], label_words(database.packed_labels[items[items >= 0]]), relevance).sum()
        for row, items in enumerate(neighbours.numpy())
    ]
    return float(np.sum(hits) / max(1, int((neighbours >= 0).sum())))
