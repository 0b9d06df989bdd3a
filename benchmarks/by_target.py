"""Splits the t-MAP of stored targeted attacks by target: each label vector, or those that prosgan has seen and has not.

    python benchmarks/by_target.py RESULTS [--attack prosgan uap-target ...] [--unseen 0.5]

RESULTS is the folder of `robusthash eval`. With `--unseen`, which is the share that `-o prosgan.unseen=` was given, the
targets are split in two, the same two for every attack; which label vectors are unseen follows from the share and the
seed. *Clean* is the query before the attack, scored by its target.
"""

import argparse
import sys
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
    return {"seen": ~new, "unseen": new}


def rows(store: ResultStore, record: Record, share: float | None) -> None:
    arrays, seed = store.arrays(record), record.conditions.seed
    headline = record.scoring.headline
    for name, chosen in grouped(arrays.column("targets"), share, seed).items():
        if not chosen.any():
            continue
        clean, attacked = (arrays.scores_of(stage, headline, Against.TARGET)[chosen] for stage in (CLEAN, ADVERSARIAL))
        low, high = bootstrap_interval(attacked, seed=seed)
        print(
            f"{record.victim.model.name:10}{255 * record.attack.epsilon:4.3g}/255 {record.attack.name:22}{name:10}"
            f"{chosen.sum():5}{clean.mean():8.3f}{attacked.mean():8.3f}  [{low:.3f}, {high:.3f}]"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--attack", nargs="+", default=["*"], help="names, with the wildcards * and ?")
    parser.add_argument("--unseen", type=float)
    options = parser.parse_args()
    store = ResultStore(options.results)
    print(f"{'model':10}{'epsilon':8} {'attack':22}{'target':8}{'queries':>7}{'clean':>8}{'t-MAP':>8}  95 %")
    for record in store.load_all()[0]:
        if record.attack.against is Against.TARGET and any(
            fnmatchcase(record.attack.name, name) for name in options.attack
        ):
            rows(store, record, options.unseen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
