"""Measures what a gradient attack gains by starting where an attack that learns leaves off.

    python -m benchmarks.learnt.warm_starts [--attacks hinge tanh-p2s ...] [--queries 200] [--dataset digits] ...

Each attack runs with 1, 2, 3, 5, 10 and 20 steps from the clean image, from a random point of the ball, and from what
each learnt attack of its goal makes of the query; from the clean image also with 50 and 100. Of three step sizes the
best counts: epsilon/8, and those with which all steps together go 1.5 and 2.5 epsilon (``--reach``): a few small steps
do not reach the border of the ball, and from its border a pixel has twice as far to go.

A line is a start and its score (MAP, or t-MAP if targeted) at each number of steps; 0 is the start itself. There is no
bound: it says whether a warm start pays, and it may not.
"""

import argparse
import sys

from benchmarks.learnt.ladder import STEPS, Rung, ladder
from benchmarks.stage import Stage, add_arguments
from robusthash.specs import Goal

STARTS = {Goal.UNTARGETED: ("uap",), Goal.TARGETED: ("uap-target", "prosgan")}
ATTACKS = ("hinge", "rnm", "hag", "mainstay", "tanh-p2s", "hinge-p2s")
FEW = STEPS[:6]


def line(stage: Stage, attack: str, start: str, rungs: list[Rung]) -> None:
    zero = f"{start_score(stage, attack, start):6.3f}"
    cells = "".join(f"{rung.score:8.3f}" for rung in rungs)
    print(f"{attack:12}{start:12}{zero}{cells}", flush=True)


def start_score(stage: Stage, attack: str, start: str) -> float:
    """The score of the start itself."""
    rows = range(stage.queries)
    if start in ("zero", "random"):
        name = "noise" if start == "random" else None
        codes = stage.run(name, rows).codes if name else stage.model.codes(stage.clean(rows)).cpu()
    else:
        codes = stage.run(start, rows).codes
    return stage.precisions(attack, codes, rows).mean().item()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS))
    parser.add_argument("--reach", nargs="+", type=float, default=[1.5, 2.5], help="of all steps together, in epsilon")
    options = parser.parse_args()
    stage = Stage(options)
    print(stage.title, flush=True)
    print(f"{'':24}{0:6}{''.join(f'{steps:8}' for steps in STEPS)}", flush=True)
    for attack in options.attacks:
        goal = stage.attack(attack).goal
        for start in ("zero", "random", *STARTS[goal]):
            steps = STEPS if start == "zero" else FEW
            targeted = goal is Goal.TARGETED
            rungs = list(ladder(stage, attack, targeted=targeted, start=start, steps=steps, reach=options.reach))
            line(stage, attack, start, rungs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
