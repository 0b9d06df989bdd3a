"""Speed and memory of the full-database map: the ranked counts against the field's argsort loop, in one run.

    python benchmarks/map_speed.py [--queries 1000] [--database 59000] [--bits 64] [--large 1000000] ...

The naive loop is what the public code of deep-hashing papers does for each query: a float product of {-1, +1} codes, a
product of the labels, a full ``argsort`` of the distances, and the precision at each relevant place. It may run on the
first queries only; its time is then scaled, and the table says so. The floor is the XOR and popcount of every pair,
with nothing counted.

Descriptors are scored beside their own loop and floor, the float32 products of every pair (``--dimension 0`` leaves
them out). Their exact distances cost a float64 product, and a sort of short keys, for each query.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Distance, Space
from robusthash.hashing import pack, unpack, words
from robusthash.metrics import DistanceHistograms, Scores, distance_histograms, ranked_counts
from robusthash.metrics.ranking import average_precision

T = TypeVar("T")

_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Codes of which each class has a centre that one bit in three departs from: MAP is far from chance."""

    queries: Tensor
    database: Tensor
    query_labels: npt.NDArray[np.uint8]
    database_labels: npt.NDArray[np.uint8]
    bits: int

    @classmethod
    def drawn(cls, queries: int, database: int, bits: int) -> "Scene":
        """A scene of so many queries and items."""
        random = np.random.Generator(np.random.Philox(0))
        centres = random.integers(2, size=(_CLASSES, bits), dtype=np.int8)
        labels = [random.integers(_CLASSES, size=size) for size in (queries, database)]
        codes = [centres[which] ^ (random.random((len(which), bits), np.float32) < 1 / 3) for which in labels]
        packed = [pack(torch.from_numpy(code * 2 - 1)) for code in codes]
        one_hot = [np.eye(_CLASSES, dtype=np.uint8)[which] for which in labels]
        return cls(
            queries=packed[0],
            database=packed[1],
            query_labels=one_hot[0],
            database_labels=one_hot[1],
            bits=bits,
        )

    def histograms(self) -> DistanceHistograms:
        """What every metric is a function of."""
        labels = self.query_labels, self.database_labels
        return distance_histograms(self.queries, self.database, *labels, bits=self.bits)

    def map(self) -> npt.NDArray[np.float64]:
        """Average precision of each query, ties in expectation."""
        return average_precision(self.histograms()).expected


def naive(scene: Scene, count: int) -> npt.NDArray[np.float64]:
    """The loop of the field, for the first queries."""
    base = unpack(scene.database, scene.bits).numpy().astype(np.float32)
    codes = unpack(scene.queries[:count], scene.bits).numpy().astype(np.float32)
    precisions = []
    for query, label in zip(codes, scene.query_labels, strict=False):
        truth = (label @ scene.database_labels.T > 0).astype(np.float32)
        distances = 0.5 * (scene.bits - query @ base.T)
        truth = truth[np.argsort(distances)]
        places = np.flatnonzero(truth) + 1.0
        precisions.append(np.mean(np.arange(1, len(places) + 1) / places))
    return np.array(precisions)


def floor(scene: Scene) -> None:
    """XOR and popcount of every pair."""
    columns = np.ascontiguousarray(words(scene.database).T)
    differing, counts = np.empty(columns.shape[1], np.uint64), np.empty(columns.shape[1], np.uint8)
    for query in words(scene.queries):
        for column, word in zip(columns, query, strict=True):
            np.bitwise_count(np.bitwise_xor(column, word, out=differing), out=counts)


@dataclass(frozen=True, kw_only=True)
class Descriptors:
    """Descriptors about the centres of their classes, searched by cosine distance."""

    queries: Tensor
    database: Tensor
    query_labels: npt.NDArray[np.uint8]
    database_labels: npt.NDArray[np.uint8]

    @classmethod
    def drawn(cls, queries: int, database: int, dimension: int) -> "Descriptors":
        """A scene of so many queries and items."""
        random = np.random.Generator(np.random.Philox(1))
        centres = random.standard_normal((_CLASSES, dimension), np.float32)
        labels = [random.integers(_CLASSES, size=size) for size in (queries, database)]
        parts = [centres[which] + 2 * random.standard_normal((len(which), dimension), np.float32) for which in labels]
        one_hot = [np.eye(_CLASSES, dtype=np.uint8)[which] for which in labels]
        return cls(
            queries=torch.from_numpy(parts[0]),
            database=torch.from_numpy(parts[1]),
            query_labels=one_hot[0],
            database_labels=one_hot[1],
        )

    def map(self) -> npt.NDArray[np.float64]:
        """Average precision of each query."""
        space = Space(distance=Distance.COSINE, size=self.queries.shape[1])
        labels = self.query_labels, self.database_labels
        counts = ranked_counts(self.queries, self.database, *labels, space=space)
        return Scores.cat([average_precision(chunk) for chunk in counts]).expected

    def naive(self) -> npt.NDArray[np.float64]:
        """The loop of the field."""
        base, queries = self._unit(self.database), self._unit(self.queries)
        precisions = []
        for query, label in zip(queries, self.query_labels, strict=True):
            truth = (label @ self.database_labels.T > 0)[np.argsort(-(query @ base.T))]
            places = np.flatnonzero(truth) + 1.0
            precisions.append(np.mean(np.arange(1, len(places) + 1) / places))
        return np.array(precisions)

    def floor(self) -> None:
        """The products of every pair, some queries at a time."""
        base = self.database.T
        for start in range(0, len(self.queries), 50):
            _ = self.queries[start : start + 50] @ base

    @staticmethod
    def _unit(part: Tensor) -> npt.NDArray[np.float32]:
        unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(part).numpy()
        return unit


def timed(call: Callable[[], T], rounds: int = 1) -> tuple[float, T]:
    """Shortest time of some rounds, and the last answer."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), answer


def peak_mib(call: Callable[[], object]) -> float:
    """Most memory that a call held at once, beside what was there before, in MiB."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def told(scene: Descriptors) -> None:
    """Measures and prints what descriptors take."""
    ours, values = timed(scene.map, rounds=3)
    loop, loop_values = timed(scene.naive)
    bare, _ = timed(scene.floor, rounds=3)
    queries, dimension = scene.queries.shape
    print(
        f"\nmap of {queries} queries x {len(scene.database)} descriptors of {dimension} dimensions, by cosine distance"
    )
    for name, seconds in (("ranked counts", ours), ("argsort loop", loop), ("floor: float32 products", bare)):
        print(f"{name:32}{seconds:>10.3f}{seconds / bare:>14.2f}")
    print(
        f"ratio to the argsort loop: {loop / ours:.1f}; map {values.mean():.6f}, by the loop {loop_values.mean():.6f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="full-database map: speed and memory, in one run")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--database", type=int, default=59_000)
    parser.add_argument("--large", type=int, default=1_000_000, help="a second, larger database; 0 for none")
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--naive-queries", type=int, default=200, help="queries of the naive loop; scaled to all")
    parser.add_argument(
        "--dimension", type=int, default=64, help="of the descriptors, with that many queries; 0 for none"
    )
    options = parser.parse_args()

    scene = Scene.drawn(options.queries, options.database, options.bits)
    count = min(options.naive_queries, options.queries)
    ours, values = timed(scene.map, rounds=5)
    part, loop_values = timed(lambda: naive(scene, count))
    loop = part * options.queries / count
    bare, _ = timed(lambda: floor(scene), rounds=3)

    print(f"map of {options.queries} queries x {options.database} items x {options.bits} bits, on the CPU")
    print(f"{'':32}{'seconds':>10}{'x the floor':>14}{'peak MiB':>11}")
    for name, seconds, call in (
        ("distance histograms", ours, scene.map),
        (f"argsort loop, {count} of {options.queries} scaled", loop, lambda: naive(scene, 2)),
        ("floor: XOR and popcount", bare, lambda: floor(scene)),
    ):
        print(f"{name:32}{seconds:>10.3f}{seconds / bare:>14.2f}{peak_mib(call):>11.1f}")
    print(f"ratio to the argsort loop: {loop / ours:.1f}")
    print(
        f"map of the first {count}: {values[:count].mean():.6f} in expectation, "
        f"{loop_values.mean():.6f} in the order that argsort left the ties in"
    )
    if options.large:
        large = Scene.drawn(options.queries, options.large, options.bits)
        seconds, _ = timed(large.map)
        inputs = (large.database.nbytes + large.database_labels.nbytes) / 2**20
        print(
            f"{options.queries} queries x {options.large} items: {seconds:.3f} s, "
            f"peak {peak_mib(large.map):.1f} MiB beside {inputs:.1f} MiB of codes and labels"
        )
    if options.dimension:
        told(Descriptors.drawn(count, options.database, options.dimension))
    if loop < 10 * ours:
        raise SystemExit(f"only {loop / ours:.1f} times faster than the loop, 10 were promised")


if __name__ == "__main__":
    main()
