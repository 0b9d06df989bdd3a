"""Measures what dropping finished queries saves, and that it changes no outcome.

    python -m benchmarks.attacks.dropping [--queries 200] [--dataset digits] [--attacks rnm rnm-p2s hinge] ...

Each attack runs twice with its ordinary options, both times keeping each query's best iterate: once leaving out the
queries that have reached the code they are pulled to, and once taking all of them to the last step.

The two do not deliver the same pixels. A query at distance 0 that goes on is still pushed, and of equally good iterates
the later one is kept, which has more margin and the same code. So the outcome that must be the same is what a retrieval
system gets to see: the Hamming distance of the delivered 8-bit image's code to the aim. At distance 0 that is the code
itself, in both runs. A query that never gets there takes the same steps in both, but in batches of other sizes, whose
kernels round differently in the last bits, and a sign step can make much of that; the bounds leave room for it alone.

Bounds: at least 99.5 % of the queries have the same final distance, and MAP (by the target labels for a targeted
attack) differs by at most .002. Exits with 1 if one is missed. *Passes* and *seconds* are the whole run's over those of
the one that drops; the two are run in turn, and the median of the ratios is told. An attack that brings no query to its
aim has nothing to drop, and both ratios are 1.
"""

import argparse
import sys
from statistics import median

from benchmarks.stage import Stage, add_arguments

SAME, DIFFERENCE = 0.995, 0.002


def measure(stage: Stage, name: str, repetitions: int) -> bool:
    rows = range(stage.queries)
    for stop in (True, False):
        stage.run(name, rows, steps=1, stop=stop)  # warms up
    pairs = [[stage.run(name, rows, keep_best=True, stop=stop) for stop in (True, False)] for _ in range(repetitions)]
    aims = stage.aim(name, rows) >= 0
    dropped, whole = pairs[0]
    near, nearest = (((run.codes >= 0) != aims).sum(1) for run in (dropped, whole))
    same = (near == nearest).double().mean().item()
    maps = [stage.precisions(name, run.codes, rows).mean().item() for run in (dropped, whole)]
    seconds = median(whole.seconds / dropped.seconds for dropped, whole in pairs)
    passes = (whole.forward + whole.backward) / (dropped.forward + dropped.backward)
    print(
        f"{name:10}{(near == 0).double().mean():9.3f}{near.double().mean():10.2f}{same:9.4f}"
        f"{maps[0]:10.4f}{abs(maps[1] - maps[0]):13.4f}{passes:9.2f}{seconds:9.2f}"
    )
    return bool(same >= SAME and abs(maps[1] - maps[0]) <= DIFFERENCE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--attacks", nargs="+", default=["rnm", "rnm-p2s", "hinge"])
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    stage = Stage(options)
    print(stage.title)
    print(f"same: at least {SAME}; difference of MAP: at most {DIFFERENCE}; passes and seconds: whole over dropped")
    print(f"{'':10}{'reached':>9}{'distance':>10}{'same':>9}{'MAP':>10}{'difference':>13}{'passes':>9}{'seconds':>9}")
    passed = [measure(stage, name, options.repetitions) for name in options.attacks]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
