"""The answer of a retriever beside the labels and codes of what it returned."""

import numpy as np
from torch import Tensor

from robusthash.boundary import breach
from robusthash.contracts import Index, Neighbours
from robusthash.evaluation.victims.system import Database
from robusthash.metrics import Relevance
from robusthash.metrics.counting.relevance import pack_labels, relevant


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
    hits = [
        relevant(pack_labels(query[None]), pack_labels(database.labels[items[items >= 0]]), relevance).sum()
        for query, items in zip(labels, neighbours, strict=True)
    ]
    return float(np.sum(hits) / max(1, int((neighbours >= 0).sum())))
