"""Counts pairs in machine code: the integers of :mod:`~robusthash.metrics.counting.words`, compiled by numba.

Importing this module imports numba and compiles, or reads what was compiled from the cache folder.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

from robusthash.files.caching import cached_path
from robusthash.metrics.counting.columns import LABEL_WORD, columns
from robusthash.metrics.counting.counts import Counts
from robusthash.metrics.counting.labels import Octets
from robusthash.metrics.counting.words import Asked
from robusthash.specs import Relevance

MOST_BITS = 32766  #: keys are 16 bits wide
_LANES = 4  #: histograms a query: an item does not wait for the count of the one before it

_SHARE_ANY, _EXACT, _CONTAINS = range(3)
_RULES = {Relevance.SHARE_ANY: _SHARE_ANY, Relevance.EXACT: _EXACT, Relevance.CONTAINS_TARGET: _CONTAINS}


Keys = npt.NDArray[np.uint16]  #: (n,) distance, plus ``bits + 1`` of a relevant item
Flags = npt.NDArray[np.bool_]

_inner = numba.njit(nogil=True, boundscheck=False)


class CompiledCounter:
    """One pass over a block for each query: keys in a buffer, which the processor makes eight at a time, then counts.

    Args:
        asked: the queries.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._labelled = (asked.labels != 0).any(1)

    def count(self, codes: Octets, labels: Octets, counts: Counts) -> None:
        """Adds the items of one block to the counts of each query; without the interpreter's lock.

        Args:
            codes: (n, ceil(bits / 8)) packed codes.
            labels: (n, ceil(classes / 8)) packed labels.
            counts: (q, 2 * (bits + 1)), added to.
        """
        asked = self.asked
        items, present = columns(codes, np.uint64), columns(labels, LABEL_WORD)
        rule = _RULES[asked.relevance]
        _count(items, present, asked.codes, asked.labels, self._labelled, rule, asked.bits + 1, counts)


@intrinsic
def _popcount(_context: Any, _word: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


# What follows is compiled. The loops over items are plain, so that the compiler makes vector instructions of them.


@_inner
def _measure(items: npt.NDArray[np.uint64], code: npt.NDArray[np.uint64], keys: Keys) -> None:
    """Distances of one query to all items."""
    keys[:] = np.uint16(0)
    for word in range(items.shape[0]):
        column, bits = items[word], code[word]
        for i in range(len(keys)):
            keys[i] += np.uint16(_popcount(column[i] ^ bits))


@_inner
def _match(present: npt.NDArray[np.uint32], wanted: npt.NDArray[np.uint32], rule: int, found: Flags) -> None:
    """Items that are relevant to a query with labels. A word without any decides only whether labels are the same."""
    found[:] = rule != _SHARE_ANY
    for word in range(present.shape[0]):
        column, label = present[word], wanted[word]
        if rule == _EXACT:
            for i in range(len(found)):
                found[i] &= column[i] == label
        elif label == 0:
            continue
        elif rule == _SHARE_ANY:
            for i in range(len(found)):
                found[i] |= (column[i] & label) != 0
        else:
            for i in range(len(found)):
                found[i] &= (column[i] & label) == label


@_inner
def _tally(keys: Keys, lanes: npt.NDArray[np.uint32], counts: npt.NDArray[np.int64]) -> None:
    """Adds how often each key occurs."""
    lanes[:] = np.uint32(0)
    whole = len(keys) - len(keys) % _LANES
    for i in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane, keys[i + lane]] += np.uint32(1)
    for i in range(whole, len(keys)):
        lanes[0, keys[i]] += np.uint32(1)
    for lane in range(_LANES):
        for key in range(len(counts)):
            counts[key] += lanes[lane, key]


def _counted(
    items: npt.NDArray[np.uint64],
    present: npt.NDArray[np.uint32],
    codes: npt.NDArray[np.uint64],
    wanted: npt.NDArray[np.uint32],
    labelled: Flags,
    rule: int,
    bins: int,
    counts: Counts,
) -> None:
    keys, found = np.empty(items.shape[1], np.uint16), np.empty(items.shape[1], np.bool_)
    lanes = np.empty((_LANES, 2 * bins), np.uint32)
    relevant = np.uint16(bins)
    for row in range(codes.shape[0]):
        _measure(items, codes[row], keys)
        if labelled[row]:
            _match(present, wanted[row], rule, found)
            for i in range(len(keys)):
                keys[i] += relevant * found[i]
        _tally(keys, lanes, counts[row])


def _compiled() -> Any:
    """The kernel, in machine code, for the one set of types it is called with.

    Raises:
        ImportError: numba is told not to compile.
    """
    if numba.config.DISABLE_JIT:
        raise ImportError("NUMBA_DISABLE_JIT is set")
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cached_path("numba", numba.__version__))
    try:
        # What is read may be part of a read-only map; what may be written fits as well.
        u32, u64 = (types.Array(kind, 2, "C", readonly=True) for kind in (types.uint32, types.uint64))
        flags, counts = types.Array(types.boolean, 1, "C", readonly=True), types.Array(types.int64, 2, "C")
        signature = types.void(u64, u32, u64, u32, flags, types.int64, types.int64, counts)
        return numba.njit(signature, cache=True, nogil=True, boundscheck=False)(_counted)
    finally:
        numba.config.CACHE_DIR = before


_count = _compiled()
