"""Measures what a targeted attack reaches after so many steps of learning, and what these cost.

    python -m benchmarks.learnt.learning_curve [--attack prosgan] [--steps 300 1000 3000] [--epsilon 16/255] ...

Each number of steps is a course of its own, with its own learning rates, learnt anew. *CPU s* is the processor time of
learning, *passes* those of the surrogate while it learns, forward and backward, of single images. t-MAP is that of the
queries, after the guard; *anchor codes* is the limit of attacks that pull to the vote of nine items.
"""

import argparse
import sys
import time
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.stage import Stage, add_arguments
from robusthash.contracts import Attack, AttackBatch, AttackContext
from robusthash.metrics import bootstrap_interval

TARGETED = "tanh-p2s"  #: an attack with targets and anchors


def attacked(stage: Stage, attack: Attack, context: AttackContext, size: int = 100) -> Tensor:
    """(queries, bits) int8, the codes of the delivered images."""
    targets, found = stage.job(TARGETED).knowledge.targets, []
    if targets is None:
        raise TypeError(f"{TARGETED} has no targets")
    for start in range(0, stage.queries, size):
        rows = range(start, min(start + size, stage.queries))
        batch = AttackBatch(inputs=stage.clean(rows), ids=torch.tensor(rows), targets=targets[rows.start : rows.stop])
        found.append(stage.model.codes(attack(batch, context).inputs))
    return torch.cat(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--attack", default="prosgan")
    parser.add_argument("--steps", nargs="+", type=int, default=[300, 1000, 3000])
    options = parser.parse_args()
    stage = Stage(options)
    chosen = stage.resources.plugins.attack(options.attack).plugin
    print(stage.title)
    aim = stage.aim(TARGETED, range(stage.queries)).to(torch.int8)
    print(f"anchor codes: t-MAP {stage.precisions(TARGETED, aim, range(stage.queries)).mean():.3f}")
    print(f"{options.attack + ', steps':20}{'CPU s':>8}{'passes':>10}{'t-MAP':>8}  95 %")
    for steps in options.steps:
        attack = replace(chosen, steps=steps)  # type: ignore[type-var]  # attacks are dataclasses
        context = stage.learning(options.attack)
        start = time.process_time()
        fitted = attack.learn(context)
        seconds, budget = time.process_time() - start, context.surrogate.budget
        passes = budget.forward + budget.backward
        context_of_attack = AttackContext(
            surrogate=context.surrogate,
            threat=context.threat,
            random=context.random,
            bank=context.bank,
            fitted=fitted,
        )
        values = stage.precisions(TARGETED, attacked(stage, attack, context_of_attack), range(stage.queries)).numpy()
        low, high = bootstrap_interval(values, seed=options.seed)
        print(f"{steps:<20}{seconds:8.0f}{passes:10,}{values.mean():8.3f}  [{low:.3f}, {high:.3f}]", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
