"""Measures whether one perturbation is as strong on queries as on train images that it was not learnt from.

    python -m benchmarks.learnt.universal_unseen [--queries 300] [--attack uap] [--epsilon 16/255] ...

As many train images as there are queries are taken out of the train split, by the seed; `uap` learns from the others.
*Moved* is the share of the code's bits that it flips. Exits with 1 if the 95 % intervals of that share are apart. MAP
is told beside it, by the images' own labels: of train images it starts higher, as the victim was trained on them.
"""

import argparse
import sys
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.stage import Stage, add_arguments
from robusthash.contracts import Attack, AttackBatch, AttackContext, CodeBank
from robusthash.evaluation.scoring.scale import Scale
from robusthash.hashing import pack
from robusthash.metrics import bootstrap_interval


def attacked(attack: Attack, context: AttackContext, images: Tensor, size: int = 100) -> tuple[Tensor, Tensor]:
    """Codes (n, bits) in {-1, +1} before and after an untargeted attack."""
    model = context.surrogate.model
    before, after = [], []
    for start in range(0, len(images), size):
        part = images[start : start + size]
        batch = AttackBatch(inputs=part, ids=torch.arange(start, start + len(part)))
        before.append(model.codes(part))
        after.append(model.codes(attack(batch, context).inputs))
    return torch.cat(before), torch.cat(after)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--attack", default="uap")
    options = parser.parse_args()
    stage = Stage(options)
    context, scale = stage.learning(options.attack), Scale.of(stage.system)
    attack = stage.resources.plugins.attack(options.attack).plugin
    order = context.random.derived("held").generator(0).permutation(len(context.train))
    held, rest = order[: stage.queries].tolist(), sorted(order[stage.queries :].tolist())
    bank = CodeBank(codes=context.bank.codes[rest], labels=context.bank.labels[rest])
    fitted = attack.learn(replace(context, train=context.train.take(rest), bank=bank))
    attack_context = AttackContext(
        surrogate=context.surrogate, threat=context.threat, random=context.random, fitted=fitted
    )
    train, queries = context.train, stage.resources.queries
    groups = {"queries": (queries, range(len(queries))), "unseen train images": (train, held)}
    print(stage.title)
    print(f"{'':22}{'moved':>7}  {'95 %':16}{'clean':>7}{'MAP':>8}  95 %")
    ends = []
    for name, (split, rows) in groups.items():
        before, after = attacked(attack, attack_context, split.images.inputs(list(rows)))
        moved = ((before > 0) != (after > 0)).double().mean(1).numpy()
        clean, values = (scale.judged(pack(codes), split.labels[list(rows)]) for codes in (before, after))
        ends.append(bootstrap_interval(moved, seed=options.seed))
        low, high = bootstrap_interval(values, seed=options.seed)
        print(
            f"{name:22}{moved.mean():7.3f}  [{ends[-1][0]:.3f}, {ends[-1][1]:.3f}]"
            f"{clean.mean():9.3f}{values.mean():8.3f}  [{low:.3f}, {high:.3f}]"
        )
    return 0 if max(low for low, _ in ends) <= min(high for _, high in ends) else 1


if __name__ == "__main__":
    sys.exit(main())
