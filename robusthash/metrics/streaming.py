"""Histograms of a database that is read in parts, such as one in files that do not fit into memory."""

from collections.abc import Callable

from robusthash.errors import UsageError
from robusthash.files.mapping import release
from robusthash.metrics.counting.blocks import count_blocks
from robusthash.metrics.counting.counter import counter_for
from robusthash.metrics.counting.histograms import DistanceHistograms
from robusthash.metrics.counting.labels import PackedLabels
from robusthash.metrics.counting.words import Asked
from robusthash.metrics.given import PART, GivenCodes, GivenLabels
from robusthash.specs import Relevance


def streamed_histograms(
    queries: GivenCodes,
    items: GivenCodes,
    query_labels: GivenLabels,
    item_labels: GivenLabels,
    *,
    relevance: Relevance,
    of: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> DistanceHistograms:
    """Counts a database part by part, on the CPU. At any time, one part of it is in memory.

    Args:
        queries: their codes.
        items: codes of the database, of as many bits.
        query_labels: what counts as relevant to each query.
        item_labels: of the database.
        relevance: when an item is relevant; of class ids, the same one is.
        of: size of the database that these items are a part of, by which the counter is chosen; None if they are all.
        progress: called with (done, total) items after each part.

    Raises:
        UsageError: queries and items have codes of other lengths.
    """
    if queries.bits != items.bits:
        raise UsageError(f"query_codes have {queries.bits} bits, item_codes {items.bits}", hint="one model makes both")
    everything = slice(None)
    rule = Relevance.EXACT if query_labels.single else relevance
    asked = Asked.of(queries.part(everything), query_labels.part(everything).octets, queries.bits, rule)
    counter, counts = counter_for(asked, len(items) if of is None else of), asked.no_counts()
    for start in range(0, len(items), PART):
        rows = slice(start, start + PART)
        counts += count_blocks(counter, asked, items.part(rows), item_labels.part(rows).octets)
        for held in (items.array, item_labels.array):
            release(held.octets if isinstance(held, PackedLabels) else held)
        progress(min(start + PART, len(items)), len(items))
    return DistanceHistograms.of(counts, queries.bits)
