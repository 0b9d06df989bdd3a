"""Made-up databases of codes for the benchmarks: what is counted, and what it is measured against."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from robusthash.hashing import words
from robusthash.metrics import DistanceHistograms, PackedLabels, Relevance
from robusthash.metrics.counting.blocks import count_blocks
from robusthash.metrics.counting.counter import Counter
from robusthash.metrics.counting.words import Asked
from robusthash.metrics.ranking import average_precision

Octets = npt.NDArray[np.uint8]

SINGLE, MULTI = "single-label", "multi-label"
_CLASSES = {SINGLE: 10, MULTI: 80}  #: as of CIFAR-10 and of MS-COCO
_LABELS = 3  #: of an item with several
_ROWS = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Codes about the centres of their classes, one bit in four apart from them: MAP is far from chance.

    Attributes:
        queries: (q, bits / 8) packed codes.
        items: (n, bits / 8).
        wanted: labels of the queries.
        present: labels of the items.
        bits: code length.
    """

    queries: Octets
    items: Octets
    wanted: PackedLabels
    present: PackedLabels
    bits: int

    @classmethod
    def drawn(cls, queries: int, items: int, bits: int, kind: str = SINGLE) -> "Scene":
        """A scene of so many queries and items, made in parts."""
        classes = _CLASSES[kind]
        draw = Draw(bits, classes, 1 if kind == SINGLE else _LABELS)
        sizes = [queries, *(min(_ROWS, items - start) for start in range(0, items, _ROWS))]
        codes, labels = zip(*map(draw.part, sizes), strict=True)
        return cls(
            queries=codes[0],
            items=np.concatenate(codes[1:]),
            wanted=PackedLabels(octets=labels[0], classes=classes),
            present=PackedLabels(octets=np.concatenate(labels[1:]), classes=classes),
            bits=bits,
        )

    def asked(self) -> Asked:
        """The queries, as counters know them."""
        return Asked.of(self.queries, self.wanted.octets, self.bits, Relevance.SHARE_ANY)

    def map(self, counter: Counter, asked: Asked, threads: int = 1) -> npt.NDArray[np.float64]:
        """Average precision of each query, ties in expectation."""
        counts = count_blocks(counter, asked, self.items, self.present.octets, threads=threads)
        return average_precision(DistanceHistograms.of(counts, self.bits)).expected

    def floor(self) -> None:
        """XOR and popcount of every pair, in blocks that stay in a core's cache; nothing is counted."""
        codes, size = words(torch.from_numpy(self.queries)), 1 << 16
        for start in range(0, len(self.items), size):
            columns = np.ascontiguousarray(words(torch.from_numpy(self.items[start : start + size])).T)
            differing, counts = np.empty(columns.shape[1], np.uint64), np.empty(columns.shape[1], np.uint8)
            for query in codes:
                for column, word in zip(columns, query, strict=True):
                    np.bitwise_count(np.bitwise_xor(column, word, out=differing), out=counts)

    def naive(self, count: int) -> npt.NDArray[np.float64]:
        """The loop of the field, for the first queries: float products, and an ``argsort`` of all distances."""
        base, codes = (self._signs(part) for part in (self.items, self.queries[:count]))
        labels = np.unpackbits(self.present.octets, axis=1, count=self.present.classes)
        wanted = np.unpackbits(self.wanted.octets[:count], axis=1, count=self.present.classes)
        precisions = []
        for query, label in zip(codes, wanted, strict=True):
            truth = (label @ labels.T > 0)[np.argsort(0.5 * (self.bits - query @ base.T))]
            places = np.flatnonzero(truth) + 1.0
            precisions.append(np.mean(np.arange(1, len(places) + 1) / places))
        return np.array(precisions)

    def _signs(self, packed: Octets) -> npt.NDArray[np.float32]:
        return np.unpackbits(packed, axis=1, count=self.bits).astype(np.float32) * 2 - 1


class Draw:
    """Draws items with packed codes and labels, one part after another, all of it in bytes.

    Args:
        bits: code length, a multiple of 8.
        classes: number of classes.
        most: labels of an item, at most; a label that is drawn twice counts once.
    """

    def __init__(self, bits: int, classes: int, most: int) -> None:
        self._random = np.random.Generator(np.random.Philox(0))
        self._centres = self._random.integers(256, size=(classes, bits // 8), dtype=np.uint8)
        self._labels = np.packbits(np.eye(classes, dtype=np.uint8), axis=1)
        self._most = most

    def part(self, size: int) -> tuple[Octets, Octets]:
        """Packed codes and packed labels of so many items."""
        chosen = self._random.integers(len(self._centres), size=(self._most, size))
        codes = self._centres[chosen[0]]
        one, other = self._random.integers(256, size=(2, *codes.shape), dtype=np.uint8)
        labels = np.bitwise_or.reduce(self._labels[chosen], axis=0)
        return codes ^ (one & other), labels  # a bit is set in both of one in four pairs
