"""Full-database MAP: time and memory of the distance histograms, of the usual argsort loop, and of the bare floor.

    python -m benchmarks.search.map_speed [--queries 1000] [--items 250000] [--bits 64 128 256] [--dimension 64]

The naive loop is what the public code of deep-hashing papers does for each query: a float product of {-1, +1} codes, a
product of the labels, a full ``argsort`` of the distances, and the precision at each relevant place. It runs on the
first queries only, and its time is scaled. The floor is the XOR and popcount of every pair in numpy, with nothing
counted; MAP of codes with one label and with several is a multiple of it, by numpy and in machine code.

CPU seconds count, in rounds that take turns; of several threads, also the time that passes. Machine code is left out
where numba is not installed.

Bounds: ten times as fast as the loop; with numpy 2.7 times the floor with one label and 4.5 with several, in machine
code 1.5; several threads take 1.25 times the CPU seconds of one. Exits with 1 if one is missed.

Descriptors are scored beside their own loop and floor, the float32 products of every pair (``--dimension 0`` leaves
them out). Their exact distances cost a float64 product, and a sort of short keys, for each query.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.search.scene import MULTI, SINGLE, Scene
from robusthash.contracts import Distance, Space
from robusthash.metrics import Scores, ranked_counts
from robusthash.metrics.counting.counter import fast_counter
from robusthash.metrics.counting.words import WordCounter
from robusthash.metrics.ranking import average_precision

_CLASSES = 10  #: of descriptors
_NUMPY = {SINGLE: 2.7, MULTI: 4.5}  #: most that MAP may take, in floors
_COMPILED = 1.5
_THREADS = 1.25  #: most CPU seconds of several threads, in those of one
_LOOP = 10  #: least that the loop takes, in those of numpy's histograms


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


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The shortest of some rounds.

    Attributes:
        cpu: seconds of all threads.
        wall: seconds that passed.
    """

    cpu: float
    wall: float


def timed(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Times of calls that take turns, so that what else runs here hits all of them."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            found[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {name: Timing(cpu=min(one)[0], wall=min(wall for _, wall in one)) for name, one in found.items()}


def codes(kind: str, bits: int, options: argparse.Namespace) -> list[str]:
    """Measures one kind of labels and length of codes, prints it, and says which bounds are missed."""
    scene = Scene.drawn(options.queries, options.items, bits, kind)
    asked = scene.asked()
    numpy, fast = WordCounter(asked), fast_counter(asked)
    calls: dict[str, Callable[[], object]] = {"floor": scene.floor, "numpy": lambda: scene.map(numpy, asked)}
    several = f"{options.threads} threads"
    calls[f"numpy, {several}"] = lambda: scene.map(numpy, asked, options.threads)
    if not isinstance(fast, WordCounter):
        calls["numba"] = lambda: scene.map(fast, asked)
        calls[f"numba, {several}"] = lambda: scene.map(fast, asked, options.threads)
        if not np.array_equal(scene.map(fast, asked), scene.map(numpy, asked)):
            raise SystemExit("machine code counts otherwise than numpy")
    times = timed(calls, options.rounds)
    floor, missed = times["floor"].cpu, []
    for name, one in times.items():
        print(f"{kind:14}{bits:>5}  {name:18}{one.cpu:>9.3f}{one.cpu / floor:>9.2f}{one.wall:>9.3f}")
    bounds = {"numpy": _NUMPY[kind], "numba": _COMPILED}
    for name in times.keys() & bounds.keys():
        alone, both = times[name].cpu, times[f"{name}, {several}"].cpu
        if alone > bounds[name] * floor:
            missed.append(f"{kind}, {bits} bits: {name} takes {alone / floor:.2f} floors, at most {bounds[name]}")
        if both > _THREADS * alone:
            missed.append(f"{kind}, {bits} bits: {name} takes {both / alone:.2f} times as much in {several}")
    return missed


def loop(options: argparse.Namespace) -> list[str]:
    """Measures the loop of the field on a database as in its papers."""
    scene = Scene.drawn(options.queries, options.paper, 64)
    asked, count = scene.asked(), min(options.naive_queries, options.queries)
    counter = WordCounter(asked)
    times = timed({"ours": lambda: scene.map(counter, asked), "loop": lambda: scene.naive(count)}, 1)
    scaled = times["loop"].wall * options.queries / count
    ratio = scaled / times["ours"].wall
    ours, theirs = scene.map(counter, asked)[:count].mean(), scene.naive(count).mean()
    print(
        f"{options.queries} queries x {options.paper} items x 64 bits: {times['ours'].wall:.3f} s; argsort loop "
        f"{scaled:.3f} s, scaled from {count} queries; ratio {ratio:.1f}\n"
        f"map of the first {count}: {ours:.6f} in expectation, {theirs:.6f} in the order that argsort left the ties in"
    )
    return [] if ratio >= _LOOP else [f"only {ratio:.1f} times as fast as the loop, at least {_LOOP}"]


def told(scene: Descriptors) -> None:
    """Measures and prints what descriptors take."""
    times = timed({"ranked counts": scene.map, "argsort loop": scene.naive, "floor: float32 products": scene.floor}, 3)
    queries, dimension = scene.queries.shape
    print(f"map of {queries} queries x {len(scene.database)} descriptors of {dimension} dimensions, by cosine distance")
    for name, one in times.items():
        print(f"{name:32}{one.wall:>10.3f}{one.wall / times['floor: float32 products'].wall:>14.2f}")
    print(f"map {scene.map().mean():.6f}, by the loop {scene.naive().mean():.6f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--items", type=int, default=250_000, help="of the databases that are compared with the floor")
    parser.add_argument("--bits", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--paper", type=int, default=59_000, help="items of the database of the argsort loop")
    parser.add_argument("--naive-queries", type=int, default=100, help="queries of the argsort loop; scaled to all")
    parser.add_argument("--dimension", type=int, default=64, help="of the descriptors; 0 for none")
    options = parser.parse_args()
    torch.set_num_threads(1)

    missed = loop(options)
    print(f"\nmap of {options.queries} queries x {options.items} items")
    print(f"{'labels':14}{'bits':>5}  {'':18}{'CPU s':>9}{'floors':>9}{'wall s':>9}")
    for kind in (SINGLE, MULTI):
        for bits in options.bits:
            missed += codes(kind, bits, options)
    if options.dimension:
        print()
        told(Descriptors.drawn(options.naive_queries, options.paper, options.dimension))
    for one in missed:
        print(f"missed: {one}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
