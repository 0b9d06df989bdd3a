"""Isolates what differs between CgAT's released loop and the package's, one thing at a time, paired over seeds.

For each seed a victim is trained, and hardened by the released loop (:mod:`released_loop`), by that loop with one
switch turned at a time, and by the package's ``cgat/released``. Then all are attacked. Printed are the first one's mean
MAP over the seeds, and the mean paired difference of each other one to it, with its 95 % interval by Student's t. All
have the same batches and random starts, those of the package, except where a line says otherwise.

Run: ``python -m benchmarks.defenses.cgat_released [--epochs 2] [--seeds 5] [--attack hag center]
[--epsilon 8/255 0.1]``.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

import robusthash as rh
from benchmarks.defenses.released_loop import Batch, Switches, harden
from benchmarks.stage import objective_of
from robusthash.contracts import IMAGE, CodeBank, HashModel, Randomness, Recipe, Split, silent
from robusthash.epsilon import parse_epsilon
from robusthash.evaluation import RunSettings, VictimPlan
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost, PluginKind
from robusthash.training import defense_context
from robusthash.training.trainer import batches as package_batches

CPU = torch.device("cpu")


class Supply:
    """Batches and random starts, by the package's draws or by torch's own.

    Args:
        split: the train split.
        recipe: of the batches.
        seed: of the run.
    """

    def __init__(self, split: Split, recipe: Recipe, seed: int) -> None:
        self.split, self.recipe, self.seed = split, recipe, seed
        self.images = split.images.inputs(range(len(split)))
        self.labels = split.labels.float()
        self.drawn = torch.Generator().manual_seed(seed)

    def ours(self, epoch: int) -> Iterator[Batch]:
        """As the package batches, in its order; the pass that fills the bank has batches of its own."""
        for batch in package_batches(self.split, self.recipe, seed=self.seed, epoch=epoch, device=CPU):
            yield batch.images, batch.labels, batch.indices

    def plain(self, epoch: int) -> Iterator[Batch]:
        """As the package encodes: in order, without augmentation."""
        if epoch >= 0:
            yield from self.ours(epoch)
            return
        for rows in torch.split(torch.arange(len(self.images)), 256):
            yield self.images[rows], self.labels[rows], rows

    def loaders(self, _epoch: int) -> Iterator[Batch]:
        """As a shuffling loader does, with torch's draws: the last batch is as small as it is."""
        for rows in torch.split(torch.randperm(len(self.images), generator=self.drawn), self.recipe.batch_size):
            yield self._augmented(self.images[rows]), self.labels[rows], rows

    def _augmented(self, images: Tensor) -> Tensor:
        if self.recipe.augment == "none":
            return images
        side = images.shape[-1]
        pad = side // 8
        padded = torch.nn.functional.pad(images, (pad,) * 4)
        found = []
        for one in padded:
            top, left, flip = (
                int(torch.randint(most, (), generator=self.drawn)) for most in (2 * pad + 1, 2 * pad + 1, 2)
            )
            cut = one[:, top : top + side, left : left + side]
            found.append(cut.flip(2) if flip else cut)
        return torch.stack(found)

    def our_starts(self, images: Tensor, rows: Tensor, epoch: int) -> Tensor:
        """The package's draws."""
        random = Randomness(seed=self.seed, purpose="hardening").derived("start")
        return 2 * random.uniform(rows, tuple(images.shape[1:]), restart=epoch) - 1

    def torchs_starts(self, images: Tensor, _rows: Tensor, _epoch: int) -> Tensor:
        """Torch's draws."""
        return 2 * torch.rand(images.shape, generator=self.drawn) - 1


def variants() -> dict[str, tuple[dict[str, object], str, str]]:
    """Switches, batches and starts of each line."""
    ours: dict[str, object] = {"milestones": "epochs", "first_codes": "evaluation", "banks": "two", "ties": "up"}
    return {
        "released loop": ({}, "ours", "our_starts"),
        "... milestones in epochs": ({"milestones": "epochs"}, "ours", "our_starts"),
        "... first codes in evaluation mode": ({"first_codes": "evaluation"}, "plain", "our_starts"),
        "... two banks": ({"banks": "two"}, "ours", "our_starts"),
        "... these four": (ours, "plain", "our_starts"),
        "... ties of centres are +1": ({"ties": "up"}, "ours", "our_starts"),
        "... torch's batches": ({}, "loaders", "our_starts"),
        "... torch's random starts": ({}, "ours", "torchs_starts"),
        "... attacked in evaluation mode": ({"inner": "evaluation"}, "ours", "our_starts"),
        "... pairs of the batch": ({"pairs": "batch", "eta": 0.05}, "ours", "our_starts"),
    }


#: options, and what L_hash compares a batch with, of each line of the package
PACKAGE: dict[str, tuple[dict[str, Any], str]] = {
    "package: cgat/released": ({}, "bank"),
    "package: none of the three": (
        {"schedule": "milestones", "first_codes": "evaluation", "shared_bank": False},
        "bank",
    ),
    "package: pairs of the batch": ({}, "batch"),
}


#: slopes of tanh as they were when the attacks were released: none anneals
SLOPES: dict[str, dict[str, Any]] = {"hag": {"scale": None}, "center": {"scale": 1.0}}


class Place:
    """A victim of one seed, its data, and the objective that its hardening keeps.

    Args:
        seed: of the victim's training and of the hardening.
        options: of the command line.
    """

    def __init__(self, seed: int, options: argparse.Namespace) -> None:
        self.seed, self.options = seed, options
        self.host = PluginHost.load()
        resources = Resources(RunSettings(dataset="digits", seed=seed), self.host, silent)
        self.data = resources.data
        self.victim = get_victim(VictimPlan(model="dpsh", bits=32), resources).tower(IMAGE)
        self.kept = {
            "batch": objective_of(resources, "dpsh"),
            "bank": objective_of(resources, "dpsh/cgat"),
        }
        self.recipe = Recipe(batch_size=32, augment=options.augment)

    def reference(self, changes: Mapping[str, Any], batches: str, starts: str) -> HashModel:
        """Hardened by the reference loop."""
        network = deepcopy(self.victim).requires_grad_(requires_grad=True)
        supply = Supply(self.data.train, self.recipe, self.seed)
        switches = replace(Switches(epochs=self.options.epochs), **changes)
        harden(network, supply.labels, getattr(supply, batches), getattr(supply, starts), switches)
        return network

    def package(self, changes: Mapping[str, Any], pairs: str) -> HashModel:
        """Hardened by the package."""
        wanted = {"epochs": self.options.epochs, "augment": self.options.augment, **changes}
        method = self.host.create(self.host.find(PluginKind.DEFENSE, "cgat/released"), wanted)
        context = defense_context(self.data, seed=self.seed, objective=self.kept[pairs], objective_seed=self.seed)
        hardened: HashModel = method.harden(self.victim, context)
        return hardened

    def maps(self, model: HashModel) -> list[float]:
        """Of one model: clean, and under each attack at each radius."""
        model.eval().requires_grad_(requires_grad=False)
        split = self.data.query
        codes, known = (
            model.codes(one.images.inputs(range(len(one)))) for one in (self.data.database, self.data.train)
        )
        rows = range(min(self.options.queries, len(split)))
        images, labels = split.images.inputs(rows), split.labels[rows.start : rows.stop]
        bank = CodeBank(codes=known, labels=self.data.train.labels)
        found = [images]
        for name, epsilon in product(self.options.attack, self.options.epsilon):
            attack = rh.attack(name, steps=self.options.steps, **SLOPES.get(name, {}))
            found.append(attack(model, images, epsilon=epsilon, labels=labels, bank=bank).inputs)
        return [float(rh.metrics.map(model.codes(one), labels, codes, self.data.database.labels)) for one in found]


def interval(differences: Sequence[float]) -> str:
    """A mean and half its 95 % interval."""
    values = np.array(differences)
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.4f} +- {half:.4f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--attack", nargs="+", default=["hag", "center"])
    parser.add_argument("--epsilon", nargs="+", type=parse_epsilon, default=[8 / 255])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--steps", type=int, default=100, help="of the attacks")
    parser.add_argument("--augment", default="flip-crop", choices=("none", "flip-crop"))
    parser.add_argument("--line", nargs="+", help="only lines with one of these texts, besides the first")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = {name: partial(Place.reference, changes=a, batches=b, starts=c) for name, (a, b, c) in variants().items()}
    lines |= {name: partial(Place.package, changes=changes, pairs=pairs) for name, (changes, pairs) in PACKAGE.items()}
    first = next(iter(lines))
    lines = {
        name: make
        for name, make in lines.items()
        if options.line is None or name == first or any(text in name for text in options.line)
    }
    values: dict[str, list[list[float]]] = {name: [] for name in lines}
    for seed in range(options.seeds):
        place = Place(seed, options)
        for name, make in lines.items():
            start = time.process_time()
            model = make(place)
            middle = time.process_time()
            values[name].append(place.maps(model))
            told = " ".join(f"{one:.4f}" for one in values[name][-1])
            print(
                f"seed {seed}, {name}: {told} ({middle - start:.1f} + {time.process_time() - middle:.1f} CPU s)",
                file=sys.stderr,
                flush=True,
            )
    columns = [
        "clean",
        *(f"{name} {255 * epsilon:.3g}/255" for name, epsilon in product(options.attack, options.epsilon)),
    ]
    print(f"| | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for name, found in values.items():
        cells = []
        for column in range(len(columns)):
            here, base = ([one[column] for one in rows] for rows in (found, values[first]))
            cells.append(
                f"{np.mean(here):.4f}" if name == first else interval([a - b for a, b in zip(here, base, strict=True)])
            )
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
