"""The answer of a retriever beside the labels and codes of what it returned."""

import numpy as np
from torch import Tensor

from robusthash.boundary import breach
from robusthash.contracts import Index, Neighbours
from robusthash.evaluation.victims.system import Database
from robusthash.metrics import Relevance
from robusthash.metrics.counting.relevance import label_words, relevant


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
    if int(ids.min()) < 0 or int(ids.max()) >= index.size:
        raise breach(index, "returned ids outside the database", hint="report it to the retriever's author")
    ordered = ids.sort(1).values
    if bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        raise breach(index, "returned an item twice", hint="report it to the retriever's author")
    if database.space.binary:
        items = database.representation.numpy()[ids.numpy()]
        true = np.bitwise_count(items ^ queries.numpy()[:, None]).sum(2, dtype=np.int64)
        if (true != found.distances.numpy()).any():
            raise breach(
                index,
                "returned ids whose distances differ from those that it returned",
                hint="search with --retriever torch, and report it to the retriever's author",
            )


def precision(neighbours: Tensor, labels: Tensor, database: Database, relevance: Relevance) -> float:
    """Share of returned items that are relevant.

    Args:
        neighbours: (queries, k) int64, their ids.
        labels: (queries, classes) uint8, which decide relevance.
        database: the items that were searched.
        relevance: when an item is relevant to a query.
    """
    wanted = label_words(labels)
    hits = [
        relevant(wanted[:, row, None], label_words(database.packed_labels[items]), relevance).sum()
        for row, items in enumerate(neighbours.numpy())
    ]
    return float(np.sum(hits) / max(1, neighbours.numel()))
