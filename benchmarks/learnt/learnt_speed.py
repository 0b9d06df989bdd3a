"""Measures attacks that are learnt once against the cheapest attack per query that is as strong, and against 100 steps.

    python -m benchmarks.learnt.learnt_speed [--learnt uap uap-target prosgan] [--queries 200] [--dataset digits] ...

The opponents are gradient attacks of the same goal from the clean image, with 1 to 100 steps (``--steps``); of two
step sizes the better counts, as a step of epsilon/8 is made for many of them. The *cheapest* is the one with the
fewest CPU seconds per query whose score (MAP, or t-MAP if targeted) is at least as good; *100 steps* is the best of the
opponents with 100.

Times are CPU seconds of this process, in the batches of an evaluation, the shortest of ``--repetitions``; leave
``--threads`` at 1. *Learning* is what its backward passes cost, at the rate of a learning that is timed here, between
its twentieth and its fortieth step: what it validates on is not counted, and no time is taken from the cache.
*Pays after* is the number of queries from which learning and attacking by it takes less time than the other.

Fails if a learnt attack is less than ten times as fast per query as 100 steps. The ratio to the cheapest is told, and
has no bound.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.learnt.ladder import STEPS, Rung, ladder
from benchmarks.stage import Run, Stage, add_arguments
from robusthash.epsilon import Radius
from robusthash.evaluation import Cell
from robusthash.evaluation.running.preparing.cells import prepare
from robusthash.specs import Goal

OPPONENTS = {Goal.UNTARGETED: ("hag", "hinge", "mainstay"), Goal.TARGETED: ("tanh-p2s", "hinge-p2s", "mainstay-target")}
FEW, MORE = 20, 40  #: steps of learning, between which it is timed
RATIO = 10  #: of the time of 100 steps, at least


@contextmanager
def own_cache() -> Iterator[None]:
    """An empty cache, so that learning is not found in it."""
    before = os.environ.get("ROBUSTHASH_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["ROBUSTHASH_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("ROBUSTHASH_CACHE")
            if before is not None:
                os.environ["ROBUSTHASH_CACHE"] = before


def learning_seconds(stage: Stage, name: str) -> float:
    """CPU seconds of learning, without validation: its backward passes at the rate of some of them."""
    cell = Cell(victim=stage.plan, attack=name, radius=Radius(size=stage.epsilon))
    learning = stage.job(name).learning
    if learning is None:
        raise ValueError(f"{name} learns nothing")
    seconds, passes = [], []
    with own_cache():
        for steps in (1, FEW, MORE):  # the first one warms up
            prepared = prepare(replace(cell, options=(("steps", steps), ("patience", 0))), stage.systems, {})
            start = time.process_time()
            spent = prepared.job.learning
            seconds.append(time.process_time() - start)
            passes.append(spent.backward if spent else 0)
    return learning.backward * (seconds[2] - seconds[1]) / (passes[2] - passes[1])


def quickest(stage: Stage, name: str, repetitions: int, **changes: Any) -> Run:
    runs = [stage.run(name, range(stage.queries), **changes) for _ in range(repetitions)]
    return min(runs, key=lambda run: run.cpu_seconds)


def pays_after(learning: float, own: float, other: float) -> str:
    """The number of queries after which learning has paid.

    >>> pays_after(10.0, 0.001, 0.006)
    '2,000 queries'
    """
    return f"{learning / (other - own):,.0f} queries" if other > own else "never"


def measure(stage: Stage, name: str, rungs: list[Rung], repetitions: int) -> bool:
    """Prints what a learnt attack gains over its opponents.

    Args:
        stage: the victim.
        name: of the learnt attack.
        rungs: its opponents.
        repetitions: of each timing.
    """
    targeted = stage.job(name).attack.goal is Goal.TARGETED
    run = quickest(stage, name, repetitions)
    precisions = stage.precisions(name, run.codes, range(stage.queries))
    score, own = precisions.mean().item(), run.cpu_seconds / stage.queries
    learning = learning_seconds(stage, name)
    sign = 1 if targeted else -1
    hundred = max((rung for rung in rungs if rung.steps == 100), key=lambda rung: sign * rung.score)
    strong = [rung for rung in rungs if sign * (rung.score - score) >= 0]
    kind = "t-MAP" if targeted else "MAP"
    print(f"\n{name}: {kind} {score:.3f}, {1e3 * own:.4f} ms/query, learnt in {learning:.1f} s")
    passed = True
    cheapest = min(strong, key=lambda rung: rung.run.cpu_seconds, default=None)
    for what, other in (("cheapest as strong", cheapest), ("100 steps", hundred)):
        if other is None:
            print(f"    {what}: none")
            continue
        options = {"steps": other.steps, "step_size": other.share * stage.epsilon}
        again = quickest(stage, other.attack, repetitions, **options).cpu_seconds / stage.queries
        print(
            f"    {what}: {other.attack}, {other.steps} steps of {other.share:.3g} epsilon, {other.score:.3f},"
            f" {1e3 * again:.4f} ms/query; ratio {again / own:.2f}, pays after {pays_after(learning, own, again)}"
        )
        passed &= other is not hundred or again >= RATIO * own
    print(f"    100 steps: ratio at least {RATIO}: {'yes' if passed else 'no'}")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.set_defaults(threads=1)
    parser.add_argument("--learnt", nargs="+", default=["uap", "uap-target", "prosgan"])
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS, help="of the opponents; 100 is among them")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    stage = Stage(options)
    print(stage.title)
    found: dict[Goal, list[Rung]] = {}
    passed = True
    for name in options.learnt:
        goal = stage.job(name).attack.goal
        if goal not in found:
            targeted, steps = goal is Goal.TARGETED, sorted({*options.steps, 100})
            opponents = [ladder(stage, other, targeted=targeted, steps=steps) for other in OPPONENTS[goal]]
            found[goal] = [rung for rungs in opponents for rung in rungs]
            for rung in found[goal]:
                print(
                    f"{rung.attack:16}{rung.steps:4} steps of {rung.share:5.3f} epsilon {rung.score:8.3f}"
                    f"{1e3 * rung.run.cpu_seconds / stage.queries:10.4f} ms/query"
                )
        passed &= measure(stage, name, found[goal], options.repetitions)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
