"""A real victim, its queries and its attacks, for the benchmarks that need them."""

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robusthash.adversary import GradientAttack, find_aim
from robusthash.contracts import AttackBatch, Budget, LearningContext, Objective, Randomness, Surrogate, Threat, silent
from robusthash.epsilon import Radius, parse_epsilon
from robusthash.evaluation import Cell, RunSettings, VictimPlan
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.shards import shard_ranges
from robusthash.evaluation.running.preparing.cells import prepare
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.hashing import pack
from robusthash.host import PluginHost
from robusthash.options import parse_assignments
from robusthash.specs import Direction


@dataclass(frozen=True, kw_only=True)
class Run:
    """Some queries, attacked.

    Attributes:
        seconds: of wall time, the batches' loading and the guard's checks included.
        cpu_seconds: of this process, which other load on the machine hardly changes.
        forward: passes of single images.
        backward: likewise.
        codes: (n, bits) int8, of the delivered 8-bit images.
    """

    seconds: float
    cpu_seconds: float
    forward: int
    backward: int
    codes: Tensor


class Stage:
    """A victim and the attacks on it.

    Args:
        options: what :func:`add_arguments` reads.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        torch.set_num_threads(options.threads)
        setting = RunSettings(
            dataset=options.dataset,
            data_root=options.data_root,
            queries=options.queries,
            checkpoint=options.checkpoint,
            image_size=options.image_size,
            options=parse_assignments(options.option),
            seed=options.seed,
            device=options.device,
        )
        resources = Resources(setting, PluginHost.load(), silent)
        self.plan = VictimPlan(model=options.model, bits=options.bits, defense=options.defense)
        self.systems = Systems(resources)
        self.system = self.systems.get(self.plan, Direction.I2I)
        self.resources, self.model = resources, self.system.query_model
        self.epsilon: float = resources.data.epsilon if options.epsilon is None else options.epsilon
        self.queries = len(resources.queries)
        self.job = cache(self._job)

    @cached_property
    def title(self) -> str:
        """What is attacked, in a line; the victim is trained here if it has to be."""
        resources, victim = self.resources, self.system.victim
        return (
            f"{resources.data.name}: {self.queries} queries, {len(resources.data.database)} in the database,"
            f" {victim.use.name} {victim.use.label}, epsilon {255 * self.epsilon:.3g}/255,"
            f" {resources.device.type}, {torch.get_num_threads()} threads"
        )

    def run(self, name: str, rows: Sequence[int], *, size: int | None = None, **changes: Any) -> Run:
        """Attacks some queries.

        Args:
            name: of a registered attack.
            rows: which queries.
            size: of a batch; None is the dataset's shard.
            changes: options that are not the ordinary ones.
        """
        job = self.job(name)
        job = replace(job, attack=replace(job.attack, **changes))  # type: ignore[type-var]  # attacks are dataclasses
        if job.attack.starts_at is not None:
            job = replace(job, start=self.job(job.attack.starts_at))
        parts = [[rows[i] for i in part] for part in shard_ranges(len(rows), size or self.resources.shard_size)]
        start, cpu = time.perf_counter(), time.process_time()
        crafted = [craft(job, part) for part in parts]
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        return Run(
            seconds=seconds,
            cpu_seconds=cpu,
            forward=sum(one.cost.forward for one in crafted),
            backward=sum(one.cost.backward for one in crafted),
            codes=torch.cat([self.model.codes(one.adversarial.inputs).cpu() for one in crafted]),
        )

    def attack(self, name: str) -> GradientAttack:
        """A registered attack with its ordinary options."""
        attack = self.job(name).attack
        if not isinstance(attack, GradientAttack):
            raise TypeError(f"{name} is no gradient attack")
        return attack

    def learning(self, name: str) -> LearningContext:
        """What an attack is handed to learn from, on the train split; its budget is at zero."""
        return LearningContext(
            surrogate=Surrogate(self.model, Budget()),
            threat=Threat.on(self.model.modality, self.epsilon),
            train=self.resources.data.train,
            bank=self.system.bank,
            random=Randomness(seed=self.resources.setting.seed, purpose=name),
            device=self.resources.device,
        )

    def aim(self, name: str, rows: Sequence[int]) -> Tensor:
        """The codes that an attack pulls some queries to: (n, bits) float in {-1, +1}, on the CPU."""
        anchors, clean = self.job(name).knowledge.anchors, self.clean(rows)
        batch = AttackBatch(
            inputs=clean,
            ids=torch.tensor(rows),
            anchors=None if anchors is None else anchors[list(rows)].to(clean.device),
        )
        with torch.no_grad():
            logits = self.model(clean)
        return find_aim(self.attack(name).aim, batch, logits, self.model.space).cpu()

    def clean(self, rows: Sequence[int]) -> Tensor:
        """(n, 3, h, w) float, on the device."""
        return self.resources.queries.images.inputs(list(rows)).to(self.resources.device)

    def precisions(self, name: str, codes: Tensor, rows: Sequence[int]) -> Tensor:
        """(n,) average precisions, by the target labels if the attack is targeted, else by the queries' own."""
        targets = self.job(name).knowledge.targets
        labels = (self.resources.queries.labels if targets is None else targets)[list(rows)]
        return torch.from_numpy(Scale.of(self.system).judged(pack(codes), labels))

    def _job(self, name: str) -> Job:
        return prepare(Cell(victim=self.plan, attack=name, radius=Radius(size=self.epsilon)), self.systems, {}).job


def objective_of(resources: Resources, name: str) -> Objective:
    """What a registered model minimises.

    Raises:
        TypeError: it is trained in another way, or not at all.
    """
    chosen = resources.plugins.model(name).plugin
    if not isinstance(chosen, Objective):
        raise TypeError(f"{name} is not trained batch by batch")
    return chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which victim, on what. CIFAR-10 is found under ``--data-root``, or where ``ROBUSTHASH_DATA`` says."""
    parser.add_argument("--dataset", default="digits", help="digits, which is embedded, or cifar10, ...")
    parser.add_argument(
        "--data-root", type=Path, default=os.environ.get("ROBUSTHASH_DATA"), help="folder with its files"
    )
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--epsilon", type=parse_epsilon, help="radius; the dataset's own by default")
    parser.add_argument("--model", default="dpsh")
    parser.add_argument("--bits", type=int, default=32)
    parser.add_argument("--defense", help="what hardens, or surrounds, it")
    parser.add_argument("--checkpoint", type=Path, help="a trained victim; else one is trained, and kept in the cache")
    parser.add_argument("--image-size", type=int, help="side that images are resized to")
    parser.add_argument("-o", "--option", action="append", default=[], metavar="PLUGIN.FIELD=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2)
