"""Which database items are relevant to a query, from bit-packed multi-hot labels."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.errors import ContractError
from robusthash.hashing import words
from robusthash.specs import Relevance

Labels = Tensor | npt.NDArray[np.generic]  #: (n, classes) multi-hot; whatever is not zero is a label
LabelWords = TypeVar("LabelWords", npt.NDArray[np.uint64], Tensor)


def pack_labels(labels: Labels) -> npt.NDArray[np.uint64]:
    """Packs multi-hot labels into machine words.

    Args:
        labels: (n, classes), any type; whatever is not zero is a label.

    Returns:
        (n, ceil(classes / 64)) uint64.

    Raises:
        ContractError: the labels are not two-dimensional.

    >>> pack_labels(torch.tensor([[0, 1], [0, 0]])).astype(bool).tolist()
    [[True], [False]]
    """
    flags = (labels.detach().cpu().numpy() if isinstance(labels, Tensor) else labels) != 0
    if flags.ndim != 2:
        raise ContractError(f"labels have shape {flags.shape}", hint="give multi-hot labels, (n, classes)")
    return words(torch.from_numpy(np.packbits(flags, axis=1)))


def relevant(queries: LabelWords, items: LabelWords, relevance: Relevance) -> LabelWords:
    """Which items are relevant to which queries.

    Args:
        queries: (q, words) from :func:`pack_labels`; for a GPU the same words as an int64 tensor.
        items: (n, words), of the same kind.
        relevance: when an item is relevant.

    Returns:
        (q, n) bool.

    >>> queries, items = np.array([[0b01], [0b11], [0b00]]), np.array([[0b01], [0b11], [0b00]])
    >>> relevant(queries, items, Relevance.CONTAINS_TARGET).astype(int).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    """
    found: LabelWords = (queries != 0).any(1)[:, None] & (items != 0).any(1)[None, :]
    if relevance is Relevance.SHARE_ANY:
        found &= False
    for word in range(queries.shape[1]):
        wanted, present = queries[:, word, None], items[None, :, word]
        match relevance:
            case Relevance.SHARE_ANY:
                found |= (wanted & present) != 0
            case Relevance.EXACT:
                found &= present == wanted
            case Relevance.CONTAINS_TARGET:
                found &= (wanted & present) == wanted
    return found


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
    items = pack_labels(database_labels)
    unique, inverse = np.unique(pack_labels(query_labels), axis=0, return_inverse=True)
    counts = [int(relevant(query[None], items, relevance).sum()) for query in unique]
    return np.array(counts, np.int64)[inverse.reshape(-1)]
