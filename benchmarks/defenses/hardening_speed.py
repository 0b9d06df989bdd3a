"""Measures what an epoch of adversarial training costs, and its inner attack against the loop that reference code runs.

In one run, on batches of a real train split, interleaved, by the median of several repetitions:

* epoch: the steps of each method against those of plain training on the same batches. At most ``steps + 2`` times as
  long, since an inner step costs no more than a training step, whose weights have gradients too. ATRDH is only told: it
  compares each batch with the whole train split, twice, which a small network does not outweigh.
* floor: the inner attack, its codes and random start included, against bare forward passes and input gradients. At most
  1.25 times as long, on a network where a step takes 3 ms; larger ones come nearer.
* naive: the usual inner loop, which leaves ``requires_grad`` on, so that the gradients of all weights are computed and
  thrown away, against the inner attack. At least as long.

Run: ``python -m benchmarks.defenses.hardening_speed [--batch 64] [--repetitions 9]``, and the options of a victim.
Exits with 1 if a bound is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from itertools import islice
from statistics import median

import torch
from torch import Tensor

from benchmarks.stage import Stage, add_arguments, objective_of
from robusthash.contracts import (
    HashModel,
    LossStep,
    Recipe,
    Split,
    Threat,
    TrainBatch,
    TrainStep,
    evaluating,
)
from robusthash.host import PluginKind
from robusthash.training import AdversarialTraining, ObjectiveStep, Scene
from robusthash.training.hardening import AdversarialStep
from robusthash.training.trainer import batches, make_optimizer

METHODS = ("cgat/fast", "cgat", "saat")  #: whose cost is bounded
TOLD = ("atrdh",)
BATCHES = 3  #: to a repetition
FLOOR, NAIVE = 1.25, 1.0


class Training:
    """A copy of a victim that goes on learning.

    Args:
        victim: stays as it is.
        loss: what is minimised.
        split: the train split.
        recipe: of the optimiser and the batches.
        device: where to train.
    """

    def __init__(
        self, victim: HashModel, loss: LossStep[HashModel], split: Split, recipe: Recipe, device: torch.device
    ) -> None:
        self.model = deepcopy(victim).requires_grad_(requires_grad=True)
        self.loss = loss
        self.step = TrainStep(epoch=0, epochs=recipe.epochs, iteration=0, bits=victim.space.size)
        loss.start(self.model, split, self.step, device)
        self.optimizer = make_optimizer(recipe, self.model, loss.parameters())
        self.model.train()

    def learn(self, taken: Sequence[TrainBatch]) -> None:
        """The steps of some batches."""
        for batch in taken:
            self.optimizer.zero_grad()
            torch.autograd.backward(self.loss.loss(self.model, batch, self.step))
            self.optimizer.step()


def bare(model: HashModel, clean: Tensor, code: Tensor, steps: int) -> None:
    """The passes that the inner attack makes, and nothing else."""
    model.requires_grad_(requires_grad=False)
    image = clean.clone().requires_grad_()
    for _ in range(steps):
        torch.autograd.grad((torch.tanh(model(image)) * code).mean(), image)
    model.requires_grad_(requires_grad=True)


def naive(model: HashModel, clean: Tensor, code: Tensor, steps: int, threat: Threat) -> None:
    """The inner attack as released, but for the mode of the model."""
    delta = torch.empty_like(clean).uniform_(-threat.epsilon, threat.epsilon)
    delta.data = (clean + delta.data).clamp(0, 1) - clean
    delta.requires_grad_()
    for _ in range(steps):
        torch.autograd.backward((torch.tanh(model(clean + delta)) * code).mean())
        if delta.grad is None:
            raise RuntimeError("the loss does not reach the images")
        delta.data = (delta - threat.epsilon / 4 * delta.grad.sign()).detach().clamp(-threat.epsilon, threat.epsilon)
        delta.data = (clean + delta.data).clamp(0, 1) - clean
        delta.grad.zero_()
    model.zero_grad()


def interleaved(
    runs: Mapping[str, Callable[[], object]], repetitions: int, synchronise: Callable[[], None]
) -> dict[str, list[float]]:
    """Seconds of each, taken in turns; the first turn warms up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(repetitions + 1):
        for name, run in runs.items():
            synchronise()
            start = time.perf_counter()
            run()
            synchronise()
            if repetition:
                times[name].append(time.perf_counter() - start)
    return times


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the ratios of one turn."""
    return median(a / b for a, b in zip(over, under, strict=True))


def objective(stage: Stage, options: argparse.Namespace) -> ObjectiveStep:
    """The loss that the victim is trained with."""
    return ObjectiveStep(objective_of(stage.resources, options.model), seed=options.seed)


def hardening(stage: Stage, options: argparse.Namespace, name: str) -> AdversarialStep:
    """The loss of a registered defense, with its ordinary options."""
    host = stage.resources.host
    method = host.create(host.find(PluginKind.DEFENSE, name), {})
    if not isinstance(method, AdversarialTraining):
        raise TypeError(f"{name} trains nothing")
    return method.step(objective(stage, options), epsilon=stage.epsilon)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    stage = Stage(options)
    print(stage.title)
    resources, victim = stage.resources, stage.model
    split, device = resources.data.train, resources.device
    recipe = Recipe(batch_size=options.batch)
    taken = list(islice(batches(split, recipe, seed=0, epoch=0, device=device), BATCHES))
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    losses = {name: hardening(stage, options, name) for name in (*METHODS, *TOLD)}
    trainings = {"plain": Training(victim, objective(stage, options), split, recipe, device)}
    trainings |= {name: Training(victim, loss, split, recipe, device) for name, loss in losses.items()}
    runs = {name: (lambda training=training: training.learn(taken)) for name, training in trainings.items()}
    times = interleaved(runs, options.repetitions, synchronise)
    count = len(split) // options.batch
    passed = True
    for name, spent in times.items():
        cost, bound = ratio(spent, times["plain"]), losses[name].inners["image"].steps + 2 if name in METHODS else None
        passed &= bound is None or cost <= bound
        within = "" if bound is None else f" (at most {bound})"
        print(f"{name:>9}: {median(spent) / BATCHES * count:7.2f} s/epoch  {cost:5.2f} of plain{within}")

    attack, training, batch = losses["cgat"], trainings["cgat"], taken[0]
    scene = Scene(labels=batch.labels, head=None, random=attack.random, step=training.step, recall=lambda: attack.banks)
    code, steps, model = attack.method.codes(scene), attack.inners["image"].steps, training.model
    with evaluating(model):
        inner = interleaved(
            {
                "inner": lambda: attack.crafted(model, batch, scene),
                "bare": lambda: bare(model, batch.images, code, steps),
                "naive": lambda: naive(model, batch.images, code, steps, attack.inners["image"].threat),
            },
            options.repetitions,
            synchronise,
        )
    floor, gain = ratio(inner["inner"], inner["bare"]), ratio(inner["naive"], inner["inner"])
    print("  ".join(f"{name} {1000 * median(spent) / steps:.2f} ms/step" for name, spent in inner.items()))
    print(f"inner/bare {floor:.3f} (at most {FLOOR})  naive/inner {gain:.2f} (at least {NAIVE})")
    return 0 if passed and floor <= FLOOR and gain >= NAIVE else 1


if __name__ == "__main__":
    sys.exit(main())
