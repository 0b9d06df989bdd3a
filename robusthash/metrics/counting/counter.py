"""Chooses what counts pairs: machine code where it is installed and pays, else numpy. The integers are the same."""

import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from robusthash.errors import RobustHashWarning
from robusthash.metrics.counting.counts import Counts
from robusthash.metrics.counting.labels import Octets
from robusthash.metrics.counting.words import Asked, WordCounter
from robusthash.specs import Relevance

_COMPILED = "robusthash.metrics.counting.compiled"
#: Words of pairs from which machine code pays: it saves about 0.8 ns each, and importing it takes a second.
WORTH = 2_000_000_000
_TRIED = 203  #: items that are counted in both ways, before machine code is trusted


class Counter(Protocol):
    """Adds the items of one block to the counts of each query."""

    def count(self, codes: Octets, labels: Octets, counts: Counts) -> None:
        """Adds a block; safe in several threads, each with its own counts."""


def counter_for(asked: Asked, items: int) -> Counter:
    """What to count with.

    Args:
        asked: the queries.
        items: size of the database.
    """
    return fast_counter(asked) if asked.codes.size * items >= WORTH else WordCounter(asked)


def fast_counter(asked: Asked) -> Counter:
    """The fastest counter there is, whatever its start takes.

    Args:
        asked: the queries.
    """
    if find_spec("numba") is None or not _works():
        return WordCounter(asked)
    module = import_module(_COMPILED)
    counter: Counter = module.CompiledCounter(asked) if asked.bits <= module.MOST_BITS else WordCounter(asked)
    return counter


@cache
def _works() -> bool:
    """Whether the compiled counter can be imported; what is wrong with it is told once."""
    try:
        _compare(import_module(_COMPILED).CompiledCounter)
    except Exception as error:
        warnings.warn(
            f"numba cannot be used ({type(error).__name__}: {error}); numpy counts, more slowly, the same numbers",
            RobustHashWarning,
            stacklevel=2,
        )
        return False
    return True


def _compare(compiled: Callable[[Asked], Counter]) -> None:
    """Counts a few random pairs in both ways: what a compiler or a cache got wrong changes no record.

    Raises:
        ArithmeticError: the counts differ.
    """
    random = np.random.default_rng(0)
    codes, labels = (random.integers(256, size=(_TRIED, width), dtype=np.uint8) for width in (10, 5))
    labels &= random.integers(256, size=labels.shape, dtype=np.uint8) & 1
    labels[::3] = labels[0]
    for relevance in Relevance:
        asked = Asked.of(codes[:9], labels[:9], 80, relevance)
        ours, theirs = asked.no_counts(), asked.no_counts()
        WordCounter(asked).count(codes, labels, ours)
        compiled(asked).count(codes, labels, theirs)
        if not np.array_equal(ours, theirs):
            raise ArithmeticError("it counts otherwise than numpy")
