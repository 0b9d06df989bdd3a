"""Histograms of a database that is read in parts, such as one in files that do not fit into memory."""

from robusthash.files.mapping import release
from robusthash.metrics.counting.blocks import count_blocks
from robusthash.metrics.counting.counter import counter_for
from robusthash.metrics.counting.histograms import DistanceHistograms
from robusthash.metrics.counting.labels import PackedLabels
from robusthash.metrics.counting.words import Asked
from robusthash.metrics.given import PART, GivenCodes, GivenLabels
from robusthash.specs import Relevance


def asked_of(codes: GivenCodes, labels: GivenLabels, relevance: Relevance) -> Asked:
    """The queries, packed once for all parts of a database.

    Args:
        codes: theirs.
        labels: what counts as relevant to each.
        relevance: when an item is relevant; of class ids, the same one is.
    """
    everything = slice(None)
    rule = Relevance.EXACT if labels.single else relevance
    return Asked.of(codes.part(everything), labels.part(everything).octets, codes.bits, rule)


def streamed_histograms(
    asked: Asked, items: GivenCodes, labels: GivenLabels, *, of: int | None = None
) -> DistanceHistograms:
    """Counts a database part by part, on the CPU. At any time, one part of it is in memory.

    Args:
        asked: the queries.
        items: codes of the database, of as many bits.
        labels: of the items.
        of: size of the database that these items are a part of, by which the counter is chosen; None if they are all.
    """
    counter, counts = counter_for(asked, len(items) if of is None else of), asked.no_counts()
    for start in range(0, len(items), PART):
        rows = slice(start, start + PART)
        counts += count_blocks(counter, asked, items.part(rows), labels.part(rows).octets)
        for held in (items.array, labels.array):
            release(held.octets if isinstance(held, PackedLabels) else held)
    return DistanceHistograms.of(counts, asked.bits)
