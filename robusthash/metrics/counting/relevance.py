"""Which database items are relevant to a query, from multi-hot labels as bits."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from robusthash.metrics.counting.columns import LABEL_WORD, columns
from robusthash.metrics.counting.labels import Labels, pack_labels
from robusthash.specs import Relevance

LabelWords = TypeVar("LabelWords", npt.NDArray[np.uint32], Tensor)
Mask = npt.NDArray[np.bool_]

_BLOCK = 1 << 16  #: items whose relevance is found at once: their words stay in a core's cache


def label_words(labels: Labels) -> npt.NDArray[np.uint32]:
    """Labels as machine words, in columns: (words, n) uint32."""
    return columns(pack_labels(labels).octets, LABEL_WORD)


def relevant(queries: LabelWords, items: LabelWords, relevance: Relevance) -> LabelWords:
    """Which items are relevant to which queries.

    Args:
        queries: (words, q) from :func:`label_words`; for a GPU the same words as an int32 tensor.
        items: (words, n), of the same kind.
        relevance: when an item is relevant.

    Returns:
        (q, n) bool.

    >>> queries, items = label_words(np.array([[0, 1], [1, 1], [0, 0]])), label_words(np.array([[0, 1], [1, 1]]))
    >>> relevant(queries, items, Relevance.CONTAINS_TARGET).astype(int).tolist()
    [[1, 1], [0, 1], [0, 0]]
    """
    # A query without labels has nothing that is relevant to it. An item without labels needs no such care: it shares
    # nothing, equals no query that has labels, and contains none.
    found: LabelWords = (queries != 0).any(0)[:, None] & (items[:1] == items[:1]).any(0)[None, :]
    if relevance is Relevance.SHARE_ANY:
        found &= False
    for asked, there in zip(queries, items, strict=True):
        wanted, present = asked[:, None], there[None, :]
        match relevance:
            case Relevance.SHARE_ANY:
                found |= (wanted & present) != 0
            case Relevance.EXACT:
                found &= present == wanted
            case Relevance.CONTAINS_TARGET:
                found &= (wanted & present) == wanted
    return found


class Matcher:
    """Relevance to one query after another, in buffers that the next one overwrites.

    Args:
        items: (words, n) from :func:`label_words`.
        relevance: when an item is relevant.
    """

    def __init__(self, items: npt.NDArray[np.uint32], relevance: Relevance) -> None:
        self._items = items
        self._relevance = relevance
        size = items.shape[1]
        self._common = np.empty(size, LABEL_WORD)
        self._found, self._part = np.empty((2, size), bool)

    def match(self, query: npt.NDArray[np.uint32]) -> Mask:
        """Which items are relevant: (n,) bool, the same as :func:`relevant` finds.

        Args:
            query: (words,).
        """
        exact, share = self._relevance is Relevance.EXACT, self._relevance is Relevance.SHARE_ANY
        out = self._found
        out.fill(bool(query.any()) and not share)
        for wanted, present in zip(query, self._items, strict=True):
            if not query.any() or not (wanted or exact):
                continue  # a word that the query has no label in decides nothing, unless the item may have none either
            if exact:
                np.equal(present, wanted, out=out)
            else:
                np.bitwise_and(present, wanted, out=self._common)
                np.not_equal(self._common, 0, out=out) if share else np.equal(self._common, wanted, out=out)
            if out is self._part:
                (np.logical_or if share else np.logical_and)(self._found, self._part, out=self._found)
            out = self._part
        return self._found


def relevant_counts(query_labels: Labels, database_labels: Labels, *, relevance: Relevance) -> npt.NDArray[np.int64]:
    """Number of relevant database items of each query.

    Args:
        query_labels: (q, classes) multi-hot.
        database_labels: (n, classes) multi-hot.
        relevance: when an item is relevant.

    Returns:
        (q,) int64.

    >>> relevant_counts(np.eye(2), np.array([[1, 0], [1, 1]]), relevance=Relevance.SHARE_ANY).tolist()
    [2, 1]
    """
    items = pack_labels(database_labels).octets
    unique, inverse = np.unique(label_words(query_labels).T, axis=0, return_inverse=True)
    counts = np.zeros(len(unique), np.int64)
    for start in range(0, len(items), _BLOCK):
        matcher = Matcher(columns(items[start : start + _BLOCK], LABEL_WORD), relevance)
        counts += [int(np.count_nonzero(matcher.match(query))) for query in unique]
    return counts[inverse.reshape(-1)]
