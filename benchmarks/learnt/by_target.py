"""Splits the t-MAP of stored targeted attacks by target: each label vector, or those that prosgan has seen and has not.

    python -m benchmarks.learnt.by_target RESULTS [--attack prosgan uap-target ...] [--unseen 0.5]

RESULTS is the folder of `robusthash eval`. With `--unseen`, which is the share that `-o prosgan.unseen=` was given, the
targets are split in two, the same two for every attack; which label vectors are unseen follows from the share and the
seed. A target is named by the positions of its labels. *Clean* is the query before the attack, scored by its target. A
table for each victim and radius.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import torch

from robusthash.metrics import bootstrap_interval
from robusthash.results import ADVERSARIAL, CLEAN, Against, Record, ResultStore
from robusthash_attacks.learnt.targets import unseen


def grouped(targets: np.ndarray, share: float | None, seed: int) -> Mapping[str, np.ndarray]:
    """Rows of the queries by target: (queries,) bool by name."""
    if share is None:
        vectors, where = np.unique(targets, axis=0, return_inverse=True)
        names = ("+".join(map(str, vector.nonzero()[0])) for vector in vectors[::-1])
        return {name: where.reshape(-1) == len(vectors) - 1 - i for i, name in enumerate(names)}
    new = unseen(torch.from_numpy(targets), share, seed).numpy()
    return {name: rows for name, rows in (("seen", ~new), ("unseen", new)) if rows.any()}


def table(store: ResultStore, records: list[Record], share: float | None) -> list[str]:
    """The lines of a Markdown table."""
    records.sort(key=lambda record: -record.measure().value)
    arrays, first = [store.arrays(record) for record in records], records[0]
    groups = grouped(arrays[0].column("targets"), share, first.conditions.seed)
    lines = ["| target | queries | clean | " + " | ".join(record.attack.name for record in records) + " |"]
    lines.append("| --- " * (3 + len(records)) + "|")
    for name, rows in groups.items():
        scores = [one.scores_of(ADVERSARIAL, first.scoring.headline, Against.TARGET)[rows] for one in arrays]
        clean = arrays[0].scores_of(CLEAN, first.scoring.headline, Against.TARGET)[rows]
        cells = [f"{values.mean():.3f} {_interval(values, first.conditions.seed)}" for values in scores]
        lines.append(f"| {name} | {rows.sum()} | {clean.mean():.3f} | " + " | ".join(cells) + " |")
    return lines


def _interval(values: np.ndarray, seed: int) -> str:
    low, high = bootstrap_interval(values, seed=seed)
    return f"[{low:.3f}, {high:.3f}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--attack", nargs="+", default=["*"], help="names, with the wildcards * and ?")
    parser.add_argument("--unseen", type=float)
    options = parser.parse_args()
    store = ResultStore(options.results)
    found: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in store.load_all()[0]:
        wanted = any(fnmatchcase(record.attack.name, name) for name in options.attack)
        if wanted and record.attack.against is Against.TARGET and record.attack.surrogate is None:
            victim = f"{record.victim.model.name}, {record.dataset.name}"
            found[victim, f"{255 * record.attack.epsilon:.3g}/255"].append(record)
    for (victim, radius), records in found.items():
        print(f"\n{victim}, {radius}\n", *table(store, records, options.unseen), sep="\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
