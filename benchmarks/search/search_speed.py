"""Search speed: FAISS and the core's retriever against the field's argsort loop and the bare popcounts, in one run.

    python -m benchmarks.search.search_speed [--queries 1000] [--database 59000] [--bits 64] [--k 1000] [--device cpu]
        [--distance hamming]

The naive loop is what the public code of deep-hashing papers does for each query: a float product of {-1, +1} codes,
and a full ``argsort`` of the distances. The floor is the XOR and popcount of every pair, with nothing kept. With
``--distance cosine`` or ``l2`` descriptors of as many dimensions are searched, and the floor is their float32 products.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Distance, Neighbours, Retriever, Space
from robusthash.errors import RobustHashError
from robusthash.hashing import pack, unpack, words
from robusthash.retrieval import TorchRetriever


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to search: its time, and the distances it found."""

    name: str
    seconds: float
    distances: Tensor | None


def naive(queries: Tensor, database: Tensor, space: Space, k: int) -> Neighbours:
    """The loop of the field."""
    left, base = (_floats(part, space) for part in (queries, database))
    lengths = np.square(base).sum(1)
    found = []
    for query in left:
        products = query @ base.T
        if space.binary:
            distances = 0.5 * (space.size - products)
        elif space.distance is Distance.COSINE:
            distances = 1 - products
        else:
            distances = np.sqrt(np.maximum(0, lengths + query @ query - 2 * products))
        order = np.argsort(distances)[:k]
        found.append((distances[order].astype(np.int64 if space.binary else np.float32), order))
    distances, ids = (torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True))
    return Neighbours(distances=distances, ids=ids)


def _floats(items: Tensor, space: Space) -> npt.NDArray[np.float32]:
    if space.binary:
        return unpack(items, space.size).numpy().astype(np.float32)
    unit: Tensor = torch.nn.functional.normalize(items) if space.distance is Distance.COSINE else items
    return np.asarray(unit.numpy())


def floor(queries: Tensor, database: Tensor, space: Space) -> None:
    """XOR and popcount of every pair of codes; products of every pair of descriptors, some queries at a time."""
    if not space.binary:
        for start in range(0, len(queries), 50):
            _ = queries[start : start + 50] @ database.T
        return
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
    space = Space(distance=Distance(options.distance), size=options.bits)
    sizes = (options.queries, options.database)
    queries, database = (torch.randn((size, options.bits), generator=generator) for size in sizes)
    if space.binary:
        queries, database = pack(queries), pack(database)
    retrievers: dict[str, Retriever] = {"torch": TorchRetriever(device=options.device)}
    try:
        from robusthash_faiss.flat import FaissFlat

        retrievers["faiss"] = FaissFlat(device=options.device)
        indexes = {name: retriever.index(database, space) for name, retriever in retrievers.items()}
    except (ImportError, RobustHashError) as error:
        raise SystemExit(f"this benchmark compares with faiss: {error}") from error
    ways: dict[str, Callable[[], Neighbours | None]] = {
        "naive argsort loop": lambda: naive(queries, database, space, options.k),
        "torch retriever": lambda: indexes["torch"].search(queries, options.k),
        "faiss retriever": lambda: indexes["faiss"].search(queries, options.k),
        "floor": lambda: floor(queries, database, space),
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
    parser.add_argument("--distance", choices=tuple(Distance), default=Distance.HAMMING)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    rows = measure(options)
    loop, bare = rows[0], rows[-1]
    unit = "bits" if options.distance == Distance.HAMMING else f"dimensions, {options.distance}"
    print(
        f"{options.queries} queries x {options.database} items x {options.bits} {unit}, k = {options.k}, "
        f"{options.device}, {torch.get_num_threads()} threads"
    )
    print(f"{'':20}{'seconds':>10}{'x faster than the loop':>25}{'x the floor':>14}")
    for row in rows:
        print(
            f"{row.name:20}{row.seconds:>10.3f}{loop.seconds / row.seconds:>25.1f}{row.seconds / bare.seconds:>14.2f}"
        )
    answers = [row.distances for row in rows if row.distances is not None]
    if options.distance != Distance.HAMMING:
        answers = answers[1:]  # the loop's float32 products are rounded as they come
    if not all(torch.equal(answers[0], other) for other in answers):
        raise SystemExit("the distances differ")
    print("all searches agree on every distance" if len(answers) == 3 else "both retrievers agree on every distance")


if __name__ == "__main__":
    main()
