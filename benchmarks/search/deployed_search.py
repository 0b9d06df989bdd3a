"""Deployed indexes against FAISS: the exact ones must agree to the last id, the others show what their settings miss.

    python -m benchmarks.search.deployed_search [--queries 200] [--database 100000] [--bits 64] [--k 100]

PostgreSQL is a private server that the benchmark starts; LanceDB keeps its tables in the cache. Both are removed.
Recall is the share of the k places whose item is no farther than the true k-th neighbour. ``returned`` is the share of
these places that have an item: an index as it is deployed does not search on when its list comes short.
"""

import argparse
import os
import time
from contextlib import ExitStack

import torch

from benchmarks.search.approximate_search import clustered, uniform
from robusthash.contracts import Neighbours, Retriever, Space
from robusthash.hashing import pack


def exact() -> dict[str, Retriever]:
    """Those that scan; the first is the reference."""
    from robusthash_faiss.flat import FaissFlat
    from robusthash_lancedb.retrievers import LanceDB
    from robusthash_pgvector.retrievers import PgVector, Postgres

    return {"faiss": FaissFlat(device="cpu"), "pgvector": PgVector(), "postgres": Postgres(), "lancedb": LanceDB()}


def approximate() -> dict[str, Retriever]:
    """Those that do not, at their products' defaults and tuned."""
    from robusthash_lancedb.retrievers import LanceDBIVF
    from robusthash_pgvector.retrievers import PgVectorHNSW

    return {
        "pgvector-hnsw": PgVectorHNSW(),
        "pgvector-hnsw ef_search=100": PgVectorHNSW(ef_search=100),
        "pgvector-hnsw ef_search=400": PgVectorHNSW(ef_search=400),
        "pgvector-hnsw iterative_scan=strict_order": PgVectorHNSW(iterative_scan="strict_order"),
        "lancedb-ivf": LanceDBIVF(),
        "lancedb-ivf num_partitions=316": LanceDBIVF(num_partitions=316),
        "lancedb-ivf num_partitions=316 nprobes=100": LanceDBIVF(num_partitions=316, nprobes=100),
    }


def measure(options: argparse.Namespace) -> list[str]:
    """Prints a table for each kind of codes, and returns which exact index differs from the reference."""
    wrong = []
    for draw in (clustered, uniform):
        generator = torch.Generator().manual_seed(0)
        database, queries = (pack(draw(size, options.bits, generator)) for size in (options.database, options.queries))
        kind = f"{draw.__name__} codes"
        print(f"\n{kind:44}{'build s':>9}{'ms/query':>10}{f'recall@{options.k}':>12}{'returned':>10}  ids of faiss")
        truth: Neighbours | None = None
        opened = ExitStack()  # a table is shared by all that are indexed alike, as long as one of them holds it
        for name, retriever in {**exact(), **approximate()}.items():
            start = time.perf_counter()
            index = opened.enter_context(retriever.index(database, Space.hamming(options.bits)))
            built = time.perf_counter()
            found = index.search(queries, options.k)
            build, search = built - start, time.perf_counter() - built
            truth = truth or found
            there = found.ids >= 0
            recall = float((there & (found.distances <= truth.distances[:, -1:])).double().mean())
            same = torch.equal(found.ids, truth.ids) and torch.equal(found.distances, truth.distances)
            print(
                f"{name:44}{build:>9.2f}{1000 * search / len(queries):>10.2f}{recall:>12.4f}"
                f"{float(there.double().mean()):>10.3f}  {'all' if same else ''}"
            )
            if retriever.capabilities.exact and not same:
                wrong.append(f"{name} on {kind}")
        opened.close()
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description="deployed indexes against FAISS")
    for name, default in (("queries", 200), ("database", 100_000), ("bits", 64), ("k", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    from robusthash_pgvector.connecting import VARIABLE
    from robusthash_pgvector.server import server

    print(f"{options.queries} queries x {options.database} items x {options.bits} bits, k = {options.k}")
    with server() as address:
        os.environ[VARIABLE] = address
        wrong = measure(options)
    if wrong:
        raise SystemExit(f"not the distances and ids of faiss: {', '.join(wrong)}")
    print("\nthe exact indexes return the same distances and ids, in the same order")


if __name__ == "__main__":
    main()
