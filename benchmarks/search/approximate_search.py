"""Approximate search: time to build, time to search, and what is found, against the exact flat index in one run.

    python -m benchmarks.search.approximate_search [--queries 1000] [--database 200000] [--bits 64] [--k 100] ...

Recall is the share of returned items that are no farther than the true k-th neighbour, which is right under ties. The
clustered codes stand for a trained hash model's: items lie about class centres, with few of the bits flipped.
"""

import argparse
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import Index, Retriever, Space
from robusthash.errors import RobustHashError
from robusthash.hashing import pack

CLASSES = 100  #: of the clustered codes
FLIPPED = 0.05  #: share of an item's bits that differ from its centre


@dataclass(frozen=True, kw_only=True)
class Row:
    """One index: its times, and the distances it found."""

    name: str
    build: float
    search: float
    distances: Tensor

    def recall(self, truth: "Row") -> float:
        """Share of the items that are as near as the true k-th neighbour."""
        return float((self.distances <= truth.distances[:, -1:]).double().mean())


def uniform(count: int, bits: int, generator: torch.Generator) -> Tensor:
    """Random bits: (count, bits) in {-1, +1}."""
    return torch.randint(0, 2, (count, bits), generator=generator) * 2 - 1


def clustered(count: int, bits: int, generator: torch.Generator) -> Tensor:
    """Random centres with some bits flipped: (count, bits) in {-1, +1}."""
    centres = uniform(CLASSES, bits, torch.Generator().manual_seed(1))
    flips = torch.rand((count, bits), generator=generator) < FLIPPED
    return centres[torch.randint(0, CLASSES, (count,), generator=generator)] * (1 - 2 * flips.long())


def retrievers() -> dict[str, Retriever]:
    """The exact index first, and one whose settings make it exact last."""
    from robusthash_faiss.flat import FaissFlat
    from robusthash_faiss.hnsw import FaissHNSW
    from robusthash_faiss.ivf import FaissIVF
    from robusthash_faiss.multihash import FaissMultiHash

    return {
        "faiss, exact": FaissFlat(device="cpu"),
        "faiss-ivf": FaissIVF(),
        "faiss-hnsw": FaissHNSW(),
        "faiss-multihash": FaissMultiHash(),
        "faiss-ivf, all lists": FaissIVF(nprobe=1 << 30),
    }


def measure(database: Tensor, queries: Tensor, options: argparse.Namespace) -> list[Row]:
    """Builds each index once, then searches them in turn, so that a busy moment hits all; the shortest times count."""
    indexes: dict[str, Index] = {}
    build = {}
    for name, retriever in retrievers().items():
        start = time.perf_counter()
        indexes[name] = retriever.index(database, Space.hamming(options.bits))
        build[name] = time.perf_counter() - start
    seconds: dict[str, list[float]] = {name: [] for name in indexes}
    distances = {}
    for _ in range(options.repetitions):
        for name, index in indexes.items():
            start = time.perf_counter()
            distances[name] = index.search(queries, options.k).distances
            seconds[name].append(time.perf_counter() - start)
    return [Row(name=name, build=build[name], search=min(seconds[name]), distances=distances[name]) for name in indexes]


def main() -> None:
    parser = argparse.ArgumentParser(description="approximate against exact search, in one run")
    for name, default in (("queries", 1000), ("database", 200_000), ("bits", 64), ("k", 100), ("repetitions", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    try:
        from robusthash_faiss.library import faiss

        threads = faiss().omp_get_max_threads()
    except (ImportError, RobustHashError) as error:
        raise SystemExit(f"this benchmark needs faiss: {error}") from error
    print(
        f"{options.queries} queries x {options.database} items x {options.bits} bits, k = {options.k}, "
        f"{threads} threads"
    )
    wrong = []
    for draw in (clustered, uniform):
        generator = torch.Generator().manual_seed(0)
        database, queries = (pack(draw(size, options.bits, generator)) for size in (options.database, options.queries))
        print(
            f"\n{draw.__name__ + ' codes':22}{'build s':>10}{'search s':>10}{'x faster':>10}{f'recall@{options.k}':>12}"
        )
        rows = measure(database, queries, options)
        exact = rows[0]
        for row in rows:
            print(
                f"{row.name:22}{row.build:>10.3f}{row.search:>10.4f}{exact.search / row.search:>10.1f}"
                f"{row.recall(exact):>12.4f}"
            )
        wrong += [f"{row.name} on {draw.__name__} codes" for row in (rows[0], rows[-1]) if row.recall(exact) < 1]
    if wrong:
        raise SystemExit(f"searches that look at every item missed some: {', '.join(wrong)}")
    print("\nsearches that look at every item find every neighbour")


if __name__ == "__main__":
    main()
