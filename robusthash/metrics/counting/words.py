"""Counts pairs by XOR and popcount of machine words, in numpy: the reference of every other way to count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from robusthash.metrics.counting.columns import LABEL_WORD, columns
from robusthash.metrics.counting.counts import Counts
from robusthash.metrics.counting.labels import Octets
from robusthash.metrics.counting.relevance import Matcher
from robusthash.specs import Relevance

ITEM_BYTES = 32  #: working memory of one item of a block: its words, labels, XOR, popcount, relevance, key


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """The queries that are counted for.

    Attributes:
        codes: (q, words) uint64.
        labels: (q, words) uint32.
        bits: code length.
        relevance: when an item is relevant.
    """

    codes: npt.NDArray[np.uint64]
    labels: npt.NDArray[np.uint32]
    bits: int
    relevance: Relevance

    @classmethod
    def of(cls, codes: Octets, labels: Octets, bits: int, relevance: Relevance) -> "Asked":
        """Queries from packed codes and labels.

        Args:
            codes: (q, ceil(bits / 8)).
            labels: (q, ceil(classes / 8)).
            bits: code length.
            relevance: when an item is relevant.
        """
        words = np.ascontiguousarray(columns(codes, np.uint64).T)
        return cls(
            codes=words, labels=np.ascontiguousarray(columns(labels, LABEL_WORD).T), bits=bits, relevance=relevance
        )

    def no_counts(self) -> Counts:
        """Zeros, to add to: (q, 2 * (bits + 1)) int64, irrelevant items by distance, then relevant ones."""
        return np.zeros((len(self.codes), 2 * (self.bits + 1)), np.int64)


class WordCounter:
    """XOR, popcount and one bincount for each query and block of items.

    An item's key is its distance, plus ``bits + 1`` if it is relevant, so that one bincount gives both histograms;
    relevance is found once for all queries with the same labels. Keys are single bytes as long as they fit, and torch
    counts them as they are: numpy's bincount widens them to eight bytes first, and takes twice as long.

    Args:
        asked: the queries.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._labels, inverse, sizes = np.unique(asked.labels, axis=0, return_inverse=True, return_counts=True)
        groups = np.split(np.argsort(inverse.reshape(-1), kind="stable"), np.cumsum(sizes)[:-1])
        self._groups = groups[: len(self._labels)]
        self._key: type[np.uint8 | np.int32] = np.uint8 if 2 * (asked.bits + 1) <= 256 else np.int32

    def count(self, codes: Octets, labels: Octets, counts: Counts) -> None:
        """Adds the items of one block to the counts of each query.

        Args:
            codes: (n, ceil(bits / 8)) packed codes.
            labels: (n, ceil(classes / 8)) packed labels.
            counts: (q, 2 * (bits + 1)), added to.
        """
        bins, items = self.asked.bits + 1, columns(codes, np.uint64)
        matcher = Matcher(columns(labels, LABEL_WORD), self.asked.relevance)
        differing, ones = np.empty(len(codes), np.uint64), np.empty(len(codes), np.uint8)
        offsets, keys = np.empty((2, len(codes)), self._key)
        countable = torch.from_numpy(keys)
        for label, rows in zip(self._labels, self._groups, strict=True):
            np.multiply(matcher.match(label), self._key(bins), out=offsets)
            for row in rows:
                so_far = offsets
                for column, word in zip(items, self.asked.codes[row], strict=True):
                    np.bitwise_count(np.bitwise_xor(column, word, out=differing), out=ones)
                    so_far = np.add(so_far, ones, out=keys)
                counts[row] += torch.bincount(countable, minlength=2 * bins).numpy()
