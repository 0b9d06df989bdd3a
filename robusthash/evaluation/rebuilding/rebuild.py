"""Makes a cell again from its record, ready to run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from robusthash.contracts import Progress, TrainedDefense, silent
from robusthash.epsilon import Radius
from robusthash.errors import InputError
from robusthash.evaluation.planning.fitted import FittedAttack, read_fitted
from robusthash.evaluation.planning.names import AnyAttack, checkpoint_path
from robusthash.evaluation.planning.plan import Cell, VictimPlan
from robusthash.evaluation.rebuilding.deviations import Cause, Deviation, data_deviations, deviations
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.rebuilding.models import plan_of
from robusthash.evaluation.rebuilding.settings import name_of, settings_of
from robusthash.evaluation.running.preparing.cells import PreparedCell, prepare
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.host import PluginHost, PluginKind
from robusthash.results import ModelUse, Record
from robusthash.specs import Capability

_NOTHING = Given()
_LOOKS_AT_ITS_SURROGATE = frozenset({Capability.GRADIENTS, Capability.ANCHORS})
_MOST_THREADS = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Rebuilt:
    """A cell that was made again.

    Attributes:
        cell: ready to run; None if the data is another, so that nothing was made of it.
        deviations: how it differs from the record; what matters most comes first.
    """

    cell: PreparedCell | None
    deviations: tuple[Deviation, ...]

    def same(self) -> PreparedCell:
        """The cell, if it evaluates what the record did, under whatever conditions.

        Raises:
            InputError: it does not.
        """
        other = [one for one in self.deviations if one.cause is Cause.INGREDIENT]
        if self.cell is None or other:
            raise InputError(f"this is not what the record was made from: {other[0]}", hint=_HINT)
        return self.cell


_HINT = "name the right files with --data-root, --checkpoint, --model or --fitted"


@contextmanager
def rebuilt(
    record: Record, host: PluginHost, given: Given = _NOTHING, progress: Progress = silent
) -> Iterator[Rebuilt]:
    """Makes a cell again from its record: settings, data, victim, surrogate and attack.

    Models that are not given are trained again unless they are in the cache. The number of threads is that of the
    record while the cell is used, since it decides low-order bits; and so are shard size and largest batch.

    Args:
        record: as stored.
        host: the plugins.
        given: what the record cannot hold.
        progress: called with (done, total, what).

    Yields:
        The cell, and how it differs from the record.

    Raises:
        InputError: something is needed that the record cannot hold, and that is not given.
        UsageError: an option of the record is none here, or the device is not there.
        RobustHashError: the data cannot be loaded, or a model cannot be made.
    """
    resources = Resources(settings_of(record, given, host), host, progress, observed=False)
    moved = tuple(data_deviations(record.dataset, resources.dataset_use))
    if moved:
        yield Rebuilt(cell=None, deviations=moved)
        return
    batch = _number(record.conditions.environment.get("batch"))
    if batch is not None and given.shard_size is None and batch < record.conditions.shard_size:
        resources.batches.most = batch  # memory ran out at the time: the same batches give the same bytes
    systems = Systems(resources)
    try:
        prepared = prepare(_cell(record, given, resources), systems, {})
        plans = {"victim": prepared.cell.victim, "surrogate": prepared.cell.crafted_on}
        made = frozenset(role for role, plan in plans.items() if _made_here(plan, given, resources))
        yield Rebuilt(cell=prepared, deviations=tuple(deviations(record, prepared.record, made=made)))
    finally:
        systems.close()


@contextmanager
def threads_of(record: Record, wanted: int | None = None) -> Iterator[None]:
    """Computes with as many threads as a record was made with.

    Args:
        record: as stored.
        wanted: another number of threads; None is the record's.
    """
    before = torch.get_num_threads()
    threads = wanted or _number(record.conditions.environment.get("threads"))
    if threads is not None and threads <= _MOST_THREADS:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _cell(record: Record, given: Given, resources: Resources) -> Cell:
    """The cell of a record.

    Raises:
        InputError: a model or an attack is not given, and cannot be made again.
    """
    origins, victim = record.origins, record.victim
    plan = plan_of(victim.model, origins.victim if origins else None, victim.defense, record, given, resources)
    attack = _attack(record, given, resources)
    cell = Cell(
        victim=plan,
        attack=attack,
        radius=Radius(size=record.attack.epsilon, norm=record.attack.norm),
        direction=victim.direction,
    )
    surrogate = record.attack.surrogate
    if surrogate is None:
        return cell
    if isinstance(attack, FittedAttack):
        # What was fitted on a model that is not at hand needs none of it, unless it goes on from there.
        needs = resources.plugins.attack(attack).plugin.needs
        if not _LOOKS_AT_ITS_SURROGATE & needs:
            return cell
        return replace(cell, candidates=(_surrogate(surrogate, record, given, resources),))
    return replace(cell, surrogate=_surrogate(surrogate, record, given, resources))


def _made_here(plan: VictimPlan, given: Given, resources: Resources) -> bool:
    """Whether weights of a model were trained here, for this record or an earlier one."""
    path = checkpoint_path(plan.model)
    trained = path is not None and path not in given.checkpoints
    return trained or (
        plan.defense is not None and isinstance(resources.plugins.defense(plan.defense).plugin, TrainedDefense)
    )


def _surrogate(use: ModelUse, record: Record, given: Given, resources: Resources) -> VictimPlan:
    origin = record.origins.surrogate if record.origins else None
    return plan_of(use, origin, None, record, given, resources)


def _attack(record: Record, given: Given, resources: Resources) -> AnyAttack:
    """The attack of a record: by name, as given, or the file of what it had learnt.

    Raises:
        InputError: the file is not given, or the attack is not installed.
    """
    attack, fitted = record.attack, record.attack.fitted
    if fitted is None:
        return given.attack or name_of(resources.host, PluginKind.ATTACK, attack)
    files = [one for one in read_fitted(given.fitted) if one.name == attack.name]
    found = [one for one in files if one.fitting.digest == fitted.digest] or files
    if not found:
        raise InputError(
            f"attack {attack.name!r} of the record had learnt something before the run, {fitted.digest[:12]}",
            hint="name its file with --fitted",
        )
    return replace(found[0], attack=given.attack)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 and int(text) else None
