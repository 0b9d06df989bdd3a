"""Measures what the slope of tanh does to each attack whose loss has one, on one victim.

    python -m benchmarks.choices.slopes [--attacks hag sdha ...] [--slopes none 1 3 relative 2x] [--dataset digits] ...

Per attack and slope, MAP (t-MAP of a targeted attack) and the paired difference to the first slope, with a 95 %
bootstrap interval over the queries; MAP is the lower the stronger, t-MAP the higher. Names with the same beginning, as
`mainstay-target` and `mainstay-target/saat`, are compared with the first of them. `none` anneals,
`relative` follows the logits; `2x` is 2
over the mean size of the clean queries' logits, so that tanh is as steep on a victim with large logits as on one with
small ones.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from benchmarks.stage import Stage, add_arguments
from robusthash.adversary import Scale, Slope
from robusthash.metrics import bootstrap_interval

ATTACKS = (
    *("tanh", "hag", "center", "mainstay", "sdha", "tanh-p2p", "tanh-p2s", "tha", "sdha-target"),
    *("mainstay-target", "mainstay-target/saat"),
)
SLOPES = ("none", "0.3", "1", "3", "10", "relative")


def size_of_logits(stage: Stage) -> float:
    """Mean absolute value of the clean queries' logits."""
    with torch.no_grad():
        return float(stage.model(stage.clean(range(stage.queries))).abs().mean())


def slope_of(text: str, size: float) -> Scale:
    """What to set: None anneals."""
    if text in ("none", "relative"):
        return None if text == "none" else Slope.RELATIVE
    return float(text.removesuffix("x")) / (size if text.endswith("x") else 1)


def compared(stage: Stage, attacks: Sequence[str], slopes: Sequence[str], size: float) -> None:
    """One line a slope of each attack, the differences to the first line."""
    rows, first = range(stage.queries), None
    for attack in attacks:
        for slope in slopes:
            run = stage.run(attack, rows, scale=slope_of(slope, size))
            values: Tensor = stage.precisions(attack, run.codes, rows)
            if first is None:
                first, difference = values, ""
            else:
                low, high = bootstrap_interval((values - first).numpy(), seed=0)
                difference = f"{(values - first).mean():+8.4f} [{low:+.4f}, {high:+.4f}]"
            print(f"{attack:22}{slope:9}{values.mean():8.4f}{run.cpu_seconds:8.1f}  {difference}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS))
    parser.add_argument("--slopes", nargs="+", default=list(SLOPES))
    options = parser.parse_args()
    stage = Stage(options)
    size = size_of_logits(stage)
    print(f"{stage.title}; mean size of clean logits {size:.3g}", flush=True)
    print(f"{'attack':22}{'slope':9}{'MAP':>8}{'CPU s':>8}  difference to the first", flush=True)
    for _, group in groupby(options.attacks, key=lambda name: name.partition("/")[0]):
        compared(stage, list(group), options.slopes, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
