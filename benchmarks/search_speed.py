"""Search speed: FAISS and the core's retriever against the field's argsort loop and the bare popcounts, in one run.

    python benchmarks/search_speed.py [--queries 1000] [--database 59000] [--bits 64] [--k 1000] [--device cpu]

The naive loop is what the public code of deep-hashing papers does for each query: a float product of {-1, +1} codes,
and a full ``argsort`` of the distances. The floor is the XOR and popcount of every pair, with nothing kept.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Neighbours, Retriever, Space
from robusthash.errors import RobustHashError
from robusthash.hashing import pack, unpack, words
from robusthash.retrieval import TorchRetriever


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to search: its time, and the distances it found."""

    name: str
    seconds: float
    distances: Tensor | None


def naive(queries: Tensor, database: Tensor, bits: int, k: int) -> Neighbours:
    """The loop of the field."""
    base = unpack(database, bits).numpy().astype(np.float32)
    found = []
    for query in unpack(queries, bits).numpy().astype(np.float32):
        distances = 0.5 * (bits - query @ base.T)
        order = np.argsort(distances)[:k]
        found.append((distances[order].astype(np.int64), order))
    distances, ids = (torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True))
    return Neighbours(distances=distances, ids=ids)


def floor(queries: Tensor, database: Tensor) -> None:
    """XOR and popcount of every pair."""
    columns = np.ascontiguousarray(words(database).T)
    differing = np.empty(columns.shape[1], np.uint64)
    counts = np.empty(columns.shape[1], np.uint8)
    for query in words(queries):
        for column, word in zip(columns, query, strict=True):
            np.bitwise_count(np.bitwise_xor(column, word, out=differing), out=counts)


def best_of(rounds: int, call: Callable[[], Neighbours | None]) -> tuple[float, Neighbours | None]:
    """Shortest time of some rounds, and the last answer."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), answer


def measure(options: argparse.Namespace) -> list[Row]:
    """One row for each way to search; the indexes are built beforehand."""
    generator = torch.Generator().manual_seed(0)
    sizes = (options.queries, options.database)
    queries, database = (pack(torch.randint(0, 2, (size, options.bits), generator=generator) * 2 - 1) for size in sizes)
    retrievers: dict[str, Retriever] = {"torch": TorchRetriever(device=options.device)}
    try:
        from robusthash_faiss.flat import FaissFlat

        retrievers["faiss"] = FaissFlat(device=options.device)
        indexes = {
            name: retriever.index(database, Space.hamming(options.bits)) for name, retriever in retrievers.items()
        }
    except (ImportError, RobustHashError) as error:
        raise SystemExit(f"this benchmark compares with faiss: {error}") from error
    ways: dict[str, Callable[[], Neighbours | None]] = {
        "naive argsort loop": lambda: naive(queries, database, options.bits, options.k),
        "torch retriever": lambda: indexes["torch"].search(queries, options.k),
        "faiss retriever": lambda: indexes["faiss"].search(queries, options.k),
        "floor: popcounts": lambda: floor(queries, database),
    }
    rows = []
    for name, way in ways.items():
        seconds, found = best_of(1 if way is ways["naive argsort loop"] else 5, way)
        rows.append(Row(name=name, seconds=seconds, distances=found.distances if found else None))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="search speed, in one run")
    for name, default in (("queries", 1000), ("database", 59_000), ("bits", 64), ("k", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    rows = measure(options)
    loop, bare = rows[0], rows[-1]
    print(
        f"{options.queries} queries x {options.database} items x {options.bits} bits, k = {options.k}, "
        f"{options.device}, {torch.get_num_threads()} threads"
    )
    print(f"{'':20}{'seconds':>10}{'x faster than the loop':>25}{'x the floor':>14}")
    for row in rows:
        print(
            f"{row.name:20}{row.seconds:>10.3f}{loop.seconds / row.seconds:>25.1f}{row.seconds / bare.seconds:>14.2f}"
        )
    answers = [row.distances for row in rows if row.distances is not None]
    if not all(torch.equal(answers[0], other) for other in answers):
        raise SystemExit("the distances differ")
    print("all searches agree on every distance")


if __name__ == "__main__":
    main()
