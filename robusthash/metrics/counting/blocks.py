"""Counts a database block by block, in several threads: whole numbers add up to the same in any order."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from robusthash.metrics.counting.counter import Counter
from robusthash.metrics.counting.counts import Counts
from robusthash.metrics.counting.labels import Octets
from robusthash.metrics.counting.words import ITEM_BYTES, Asked

_CHUNK = 1 << 21  #: of one thread; stays in a core's cache. A quarter of it costs 25 % in calls, more gains nothing
_WORTH = 1 << 24  #: words of pairs of a thread, below which starting it costs more than it saves


def count_blocks(
    counter: Counter,
    asked: Asked,
    codes: Octets,
    labels: Octets,
    *,
    chunk_bytes: int | None = None,
    threads: int | None = None,
) -> Counts:
    """Counts all items of a database.

    Args:
        counter: what counts a block.
        asked: the queries, as the counter knows them.
        codes: (n, ceil(bits / 8)) packed codes; may be a memory map.
        labels: (n, ceil(classes / 8)) packed labels; may be a memory map.
        chunk_bytes: working memory of all threads, beside inputs and results; None is 2 MiB each.
        threads: at most so many; None is as many as torch computes with.

    Returns:
        (q, 2 * (bits + 1)) int64, irrelevant items by distance, then relevant ones.
    """
    useful = 1 + asked.codes.size * len(codes) // _WORTH
    several = max(1, min(useful, torch.get_num_threads() if threads is None else threads))
    each = _CHUNK if chunk_bytes is None else max(1, chunk_bytes // several)
    block = max(1, each // ITEM_BYTES)
    starts = range(0, len(codes), block)
    stopped = threading.Event()

    def count(thread: int) -> Counts:
        counts = asked.no_counts()
        for start in starts[thread::several]:
            if stopped.is_set():
                break
            rows = slice(start, start + block)
            counter.count(np.asarray(codes[rows]), np.asarray(labels[rows]), counts)
        return counts

    if several == 1:
        return count(0)
    with ThreadPoolExecutor(several) as pool:
        try:
            return sum(pool.map(count, range(several)), start=asked.no_counts())
        except BaseException:  # Ctrl-C, too, ends the other threads at their next block
            stopped.set()
            raise
