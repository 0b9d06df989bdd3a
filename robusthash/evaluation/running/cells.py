"""One cell made ready: its systems, its attack, and the record that is to be filled."""

import platform
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from robusthash.contracts import Attack
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.preparing import Scene, make_job
from robusthash.evaluation.crafting.shards import ShardFolder, shard_ranges
from robusthash.evaluation.crafting.shared import Shared
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.victims.plugins import Chosen
from robusthash.evaluation.victims.system import System, Systems
from robusthash.results import AttackUse, Conditions, Effort, Outcome, Record, Scoring, VictimUse
from robusthash.storage import digest
from robusthash.version import __version__


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedCell:
    """A cell made ready.

    Attributes:
        cell: what was asked for.
        scene: its systems and queries.
        attack: the attack with its options.
        record: everything that could change the numbers, and no numbers yet.
        shared: by attack, this one or a member of an ensemble, the folder of outcomes that other cells need too.
    """

    cell: Cell
    scene: Scene
    attack: Chosen[Attack]
    record: Record
    shared: Shared

    @property
    def system(self) -> System:
        """The victim and what it searches."""
        return self.scene.system

    @property
    def shards(self) -> list[range]:
        """Which queries are in which shard."""
        return shard_ranges(len(self.scene.queries), self.system.resources.shard_size)

    def folder(self, root: Path) -> ShardFolder:
        """Where finished shards are."""
        return ShardFolder(root / self.record.digest[:32], len(self.shards))

    @cached_property
    def job(self) -> Job:
        """What the shards run.

        Raises:
            CapabilityError: the attack needs what this dataset, this model or this threat does not give.
        """
        # A folder is shared by what was crafted alike; whatever else could change it is in the name of a subfolder.
        crafting = {name: folder / digest(self._crafting(name))[:32] for name, folder in self.shared.items()}
        return make_job(self.attack, self.scene, crafting)

    def _crafting(self, name: str) -> dict[str, object]:
        """What an attack's outcomes depend on: this one's, or a member's as if it were evaluated alone."""
        if name == self.attack.use.name:
            return self.record.crafting()
        members = self.system.resources.plugins.members(self.attack.plugin)
        member = next(one for one in members if one.use.name == name)
        use = replace(self.record.attack, name=member.use.name, owner=member.use.owner, options=member.use.options)
        return replace(self.record, attack=use).crafting()


def prepare(cell: Cell, systems: Systems, shared: Shared) -> PreparedCell:
    """Looks up the attack, and names the cell by everything that could change its numbers.

    Args:
        cell: what was asked for.
        systems: the victims.
        shared: by attack, where adversarial inputs are that other cells need too.
    """
    resources = systems.resources
    surrogate = systems.get(cell.crafted_on, cell.direction)
    system = systems.get(cell.victim, cell.direction)
    attack = resources.plugins.attack(cell.attack, dict(cell.options))
    found = versions()
    scene = Scene(system=system, surrogate=surrogate, queries=resources.queries, epsilon=cell.epsilon, versions=found)
    setting = resources.setting
    metrics = resources.metrics_for(system.space)
    blank = Record(
        digest="",
        created="",
        dataset=resources.dataset_use,
        victim=VictimUse(model=system.victim.use, defense=system.victim.defense, direction=cell.direction),
        attack=_attack_use(attack, cell, surrogate),
        scoring=Scoring(
            protocols={name: metric.protocol for name, metric in metrics.items()},
            headline=next(iter(metrics)),
            relevance=str(setting.relevance),
            retriever=system.retriever.use,
            qualities=setting.qualities,
        ),
        conditions=Conditions(
            seed=setting.seed,
            shard_size=resources.shard_size,
            versions=found,
            environment=environment(resources.device),
        ),
        outcome=Outcome(),
    )
    record = replace(blank, digest=digest(blank.identity()))
    return PreparedCell(cell=cell, scene=scene, attack=attack, record=record, shared=shared)


def _attack_use(attack: Chosen[Attack], cell: Cell, surrogate: System) -> AttackUse:
    plugin, use, setting = attack.plugin, attack.use, surrogate.resources.setting
    effort = None
    if plugin.effort is not None:
        effort = Effort(option=plugin.effort, value=getattr(plugin, plugin.effort))
    return AttackUse(
        name=use.name,
        owner=use.owner,
        options=use.options,
        goal=plugin.goal,
        epsilon=cell.epsilon,
        surrogate=surrogate.victim.use if cell.surrogate else None,
        role=attack.role,
        effort=effort,
        passes=plugin.averaged,
        precision=str(setting.precision),
        compiled=setting.compiled,
    )


def versions() -> dict[str, str]:
    """Versions of what computes, for the record."""
    return {"robusthash": __version__, "torch": torch.__version__, "numpy": np.__version__}


def environment(device: torch.device) -> dict[str, str]:
    """What computes, for the record."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {"device": device.type, "device_name": name, "threads": str(torch.get_num_threads())}
