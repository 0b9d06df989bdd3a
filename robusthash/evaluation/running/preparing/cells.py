"""Prepares a cell: its systems, its attack, and the record to be filled."""

import math
import platform
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from robusthash.contracts import PIXELS, Attack, Modality
from robusthash.errors import CheckpointError
from robusthash.evaluation.crafting.absent import AbsentSystem
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.preparing import make_job
from robusthash.evaluation.crafting.shards import ShardFolder, shard_ranges
from robusthash.evaluation.crafting.shared import Shared
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.fitting import Fitting
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.running.preparing.origins import origins
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.resources import versions
from robusthash.evaluation.victims.system import System, Systems
from robusthash.files.storage import digest
from robusthash.results import (
    AttackUse,
    Conditions,
    Effort,
    FittedUse,
    InputsUse,
    Outcome,
    Record,
    Scoring,
    VictimUse,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedCell:
    """A cell that is ready to run.

    Attributes:
        cell: the cell of the plan.
        system: the victim with its database.
        surrogate: the system that the attack is crafted on; in a white-box evaluation, the victim's.
        attack: the attack with its options.
        record: everything that could change the numbers, still without numbers.
        shared: folders of outcomes that other cells need, too, by name of the attack or of an ensemble's member.
    """

    cell: Cell
    system: System
    surrogate: System
    attack: Chosen[Attack]
    record: Record
    shared: Shared

    @property
    def dropped(self) -> bool:
        """Whether one of its systems is no longer in use, so that the cell has to be prepared again."""
        return self.system.dropped or self.surrogate.dropped

    @property
    def shards(self) -> list[range]:
        """Positions of the queries of each shard."""
        resources = self.system.resources
        return shard_ranges(len(resources.queries), resources.shard_size)

    def folder(self, root: Path) -> ShardFolder:
        """The folder of finished shards.

        Args:
            root: parent of the folders of all cells.
        """
        return ShardFolder(root / self.record.digest[:32], len(self.shards))

    @cached_property
    def job(self) -> Job:
        """The job that shards run.

        Raises:
            CapabilityError: the attack needs something that the dataset, the model or the threat does not provide.
            PluginError: the attack failed while it learnt.
        """
        # A folder is named by what the plan knows; its subfolder, by everything else that could change the outcomes.
        crafting = {name: folder / digest(self._crafting(name))[:32] for name, folder in self.shared.items()}
        return make_job(self.attack, self.system, self.surrogate, self.cell.radius, crafting)

    def _crafting(self, name: str) -> dict[str, object]:
        """What the outcomes of the attack depend on, or those of a member as if it were evaluated alone."""
        if name == self.attack.use.name:
            return self.record.crafting()
        members = self.system.resources.plugins.members(self.attack.plugin)
        member = next(one for one in members if one.use.name == name)
        use = replace(self.record.attack, name=member.use.name, owner=member.use.owner, options=member.use.options)
        return replace(self.record, attack=use).crafting()


def prepare(cell: Cell, systems: Systems, shared: Shared) -> PreparedCell:
    """Looks up the systems and the attack of a cell, and describes it by everything that could change its numbers.

    Args:
        cell: the cell of the plan.
        systems: the victims.
        shared: folders of outcomes that other cells need, too, by name of the attack or of an ensemble's member.

    Raises:
        UsageError: the attack or a metric cannot be used.
        RobustHashError: a victim cannot be made.
    """
    resources = systems.resources
    surrogate = _surrogate(cell, systems)
    system = systems.get(cell.victim, cell.direction)
    if isinstance(cell.attack, FittedAttack) and cell.attack.fitting.on(system.victim.use, system.victim.defense):
        surrogate = system
    attack = resources.plugins.attack(cell.attack, dict(cell.options))
    setting = resources.setting
    metrics = resources.metrics_for(system.space)
    blank = Record(
        digest="",
        created="",
        dataset=resources.dataset_use,
        victim=VictimUse(model=system.victim.use, defense=system.victim.defense, direction=cell.direction),
        attack=_attack_use(attack, cell, surrogate, crafted_elsewhere=surrogate.victim is not system.victim),
        scoring=Scoring(
            protocols={name: metric.protocol for name, metric in metrics.items()},
            headline=next(iter(metrics)),
            relevance=str(setting.relevance),
            retriever=system.retriever.use,
            qualities=setting.qualities,
            by=setting.score_by,
        ),
        conditions=Conditions(
            seed=setting.seed,
            shard_size=resources.shard_size,
            versions=versions(),
            environment=environment(resources.device),
        ),
        outcome=Outcome(),
    )
    record = replace(blank, digest=digest(blank.identity()), origins=origins(system, surrogate, metrics))
    return PreparedCell(cell=cell, system=system, surrogate=surrogate, attack=attack, record=record, shared=shared)


def _surrogate(cell: Cell, systems: Systems) -> System:
    """The system that a cell's attack is crafted on; for a fitted attack, the model that it was fitted on.

    Raises:
        CheckpointError: it was fitted on none of the surrogates that the user names, or on another kind of model.
        RobustHashError: a model cannot be made.
    """
    file = cell.attack
    if not isinstance(file, FittedAttack):
        return systems.get(cell.crafted_on, cell.direction)
    for candidate in cell.candidates or (cell.victim,):
        found = systems.get(candidate, cell.direction)
        if file.fitting.on(found.victim.use, found.victim.defense):
            return found
    fitted_on = f"{file.path} was fitted on {file.fitting.model_name}, weights {file.fitting.surrogate.digest[:12]}"
    if cell.candidates:
        raise CheckpointError(
            f"{fitted_on}, which is none of the surrogates: {', '.join(map(str, cell.candidates))}",
            hint="add it to them, or leave --surrogate out: the file says what an attack must know of that model",
        )
    victim, described = systems.get(cell.victim, cell.direction).victim.use, file.fitting.surrogate
    if (victim.size, victim.distance) != (described.size, described.distance):
        raise CheckpointError(
            f"{fitted_on}, and {cell.victim} has {victim.label}, {victim.distance} distance",
            hint="choose a model of the same size, or fit the attack again",
        )
    return AbsentSystem(file, systems.resources)


def _attack_use(attack: Chosen[Attack], cell: Cell, surrogate: System, *, crafted_elsewhere: bool) -> AttackUse:
    plugin, use, setting = attack.plugin, attack.use, surrogate.resources.setting
    effort = None
    if plugin.effort is not None:
        effort = Effort(option=plugin.effort, value=getattr(plugin, plugin.effort))
    return AttackUse(
        name=use.name,
        owner=use.owner,
        options=use.options,
        goal=plugin.goal,
        epsilon=cell.radius.size,
        norm=cell.radius.norm,
        inputs=_inputs_use(surrogate.modality),
        surrogate=surrogate.victim.use if crafted_elsewhere else None,
        role=attack.role,
        effort=effort,
        passes=plugin.averaged,
        precision=str(setting.precision),
        compiled=setting.compiled,
        fitted=_fitted_use(attack.fitted.fitting) if attack.fitted else None,
    )


def _fitted_use(fitting: Fitting) -> FittedUse:
    return FittedUse(
        digest=fitting.digest,
        owner=fitting.attack.owner,
        epsilon=fitting.epsilon,
        seed=fitting.seed,
        dataset_digest=fitting.dataset_digest,
    )


def _inputs_use(modality: Modality) -> InputsUse | None:
    box = modality.box
    if box == PIXELS:
        return None
    return InputsUse(elements=math.prod(modality.shape), low=box.low, high=box.high, levels=box.levels)


def environment(device: torch.device) -> dict[str, str]:
    """Device and number of threads, for the record.

    Args:
        device: where to compute.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {"device": device.type, "device_name": name, "threads": str(torch.get_num_threads())}
