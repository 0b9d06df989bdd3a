"""Measures how well codes represent a target label: the limit of every targeted attack that pulls to them.

    python -m benchmarks.learnt.target_codes [--queries 300] [--dataset digits] [--prototype-steps 1000] ...

Each code is searched for as if a query had reached it exactly, and scored by the target label. The vote of nine anchors
is what P2S pulls to, the others represent a label by all items of the train split: centre and mainstay in closed form,
and PrototypeNets with both losses, at the published width. *As mainstay* is the share of bits that a code has in common
with the mainstay code.
"""

import argparse
import sys
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.stage import Stage, add_arguments
from robusthash.adversary import Aim, find_aim
from robusthash.contracts import AttackBatch, Randomness
from robusthash.metrics import bootstrap_interval
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.prosgan.prototypes import LOSSES, PrototypeSearch, conditions

ANCHORED = "tanh-p2s"  #: an attack with targets and anchors


def codes_of(stage: Stage, steps: int, width: int) -> Iterator[tuple[str, Tensor, float]]:
    """Names, codes (queries, bits) in {-1, +1}, and the CPU seconds that a code took to learn."""
    known, bank = stage.job(ANCHORED).knowledge, stage.system.bank
    targets = known.targets
    if targets is None:
        raise TypeError(f"{ANCHORED} has no targets")
    batch = AttackBatch(inputs=targets, ids=torch.arange(len(targets)), targets=targets, anchors=known.anchors)
    blank = torch.zeros(len(targets), bank.codes.shape[1])
    for aim in (Aim.P2S, Aim.TO_CENTRE, Aim.TO_MAINSTAY):
        yield aim.value, find_aim(aim, batch, blank, stage.model.space, bank), 0.0
    labels = torch.unique(bank.labels, dim=0)
    for name, loss in LOSSES.items():
        start = time.process_time()
        random = Randomness(seed=stage.resources.setting.seed, purpose=name)
        search = PrototypeSearch(bank, labels[labels.bool().any(1)], loss=loss, width=width, random=random)
        Course(steps=steps, every=-(-steps // 20)).run(search, stage.learning(ANCHORED))
        yield f"PrototypeNet, {name}", conditions(search.network, targets)[1], time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--prototype-steps", type=int, default=1000)
    parser.add_argument("--prototype-width", type=int, default=4096)
    options = parser.parse_args()
    stage = Stage(options)
    print(stage.title)
    print(f"PrototypeNets: {options.prototype_steps} steps, width {options.prototype_width}")
    print(f"{'':26}{'t-MAP':>7}  {'95 %':16}{'as mainstay':>12}{'CPU s':>8}")
    found = list(codes_of(stage, options.prototype_steps, options.prototype_width))
    mainstay = next(codes for name, codes, _ in found if name == Aim.TO_MAINSTAY)
    for name, codes, seconds in found:
        values = stage.precisions(ANCHORED, codes.to(torch.int8), range(stage.queries))
        low, high = bootstrap_interval(values.numpy(), seed=options.seed)
        alike = (codes == mainstay).float().mean()
        print(f"{name:26}{values.mean():7.3f}  [{low:.3f}, {high:.3f}]  {alike:12.3f}{seconds:8.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
