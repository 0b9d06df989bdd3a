"""Measures what bfloat16 makes of a training: of a victim's own, and of its hardening, whose inner attack takes part.

    python -m benchmarks.networks.half_precision_training [--batch 128] [--repetitions 5]

and the options of a victim. The passes of ``-o train.precision=bf16`` and ``-o cgat.precision=bf16`` against float32,
on the same batches in turns: processor time on a CPU, of which the least counts, or seconds until a GPU is done. It has
no bound, as it differs with the processor. What it changes in MAP is seen by two commands.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import islice

from benchmarks.defenses.hardening_speed import Training, hardening, objective
from benchmarks.stage import Stage, add_arguments
from robusthash.allocation import keep_freed_memory
from robusthash.contracts import HashModel, LossStep, Precision, Recipe, TrainBatch
from robusthash.devices import synchronize
from robusthash.training.trainer import batches
from robusthash.training.trainer.precision import computing_in

METHODS = ("cgat/fast", "cgat")
BATCHES = 2  #: to a repetition


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()  # as a command does
    stage = Stage(options)
    print(stage.title)
    split, device = stage.resources.data.train, stage.resources.device
    recipe = Recipe(batch_size=options.batch)
    taken = list(islice(batches(split, recipe, seed=0, epoch=0, device=device), BATCHES))
    clock = time.process_time if device.type == "cpu" else time.perf_counter

    def spent(training: Training, precision: Precision, learnt: Sequence[TrainBatch]) -> float:
        synchronize(device)
        started = clock()
        with computing_in(precision, training.model, device):
            training.learn(learnt)
        synchronize(device)
        return clock() - started

    print("| training | float32, ms/step | bf16, ms/step | bf16 / float32 |")
    print("| --- | --- | --- | --- |")
    for name in ("plain", *METHODS):
        loss: LossStep[HashModel] = objective(stage, options) if name == "plain" else hardening(stage, options, name)
        training = Training(stage.model, loss, split, recipe, device)
        least = dict.fromkeys((Precision.FLOAT32, Precision.BF16), float("inf"))
        for repetition in range(options.repetitions + 1):
            for precision in least:
                seconds = spent(training, precision, taken)
                if repetition:  # the first one warms up
                    least[precision] = min(least[precision], seconds / BATCHES)
        plain, half = least.values()
        print(f"| {name} | {1000 * plain:.0f} | {1000 * half:.0f} | {half / plain:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
