"""Lets an attack learn on a model, and stores what it has learnt."""

from dataclasses import replace
from pathlib import Path

from robusthash.contracts import Attack, Progress, Team, Threat
from robusthash.errors import UsageError
from robusthash.evaluation.crafting.fitted import save_fitted
from robusthash.evaluation.crafting.lessons import learn
from robusthash.evaluation.crafting.preparing import check_learning
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import AnyAttack, shown
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.preparing.checking import check, known
from robusthash.evaluation.tasks.teams import joined
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.host import PluginHost


def fit_attack(
    request: Request, host: PluginHost, *, output: Path | None, samples: Path | None, progress: Progress
) -> FittedAttack:
    """Lets an attack learn on a model, or takes what it has learnt from the cache.

    Processes that ``torchrun`` has started learn together, and the first of them writes the file.

    Args:
        request: as :func:`~robusthash.evaluation.planning.training.fitting_request` makes it.
        host: the plugins.
        output: path of the file; None is the cache.
        samples: folder of pictures of what it makes of train images; None keeps none.
        progress: called with (done, total, what).

    Returns:
        What it has learnt.

    Raises:
        UsageError: a name or an option is wrong, or the attack learns nothing.
        CapabilityError: the attack does not work on the model, or lacks something.
        TrainingError: a training diverged or collapsed.
        PluginError: the attack failed, or violated its contract.
        StorageError: the file cannot be written.
    """
    with joined(request.setting.device) as team:
        return _fitted(request, host, team, output=output, samples=samples, progress=progress)


def _fitted(
    request: Request, host: PluginHost, team: Team, *, output: Path | None, samples: Path | None, progress: Progress
) -> FittedAttack:
    first = team.rank == 0
    resources = Resources(
        request.setting, host, progress, observed=first, samples=samples if first else None, team=team
    )
    check(request, resources)
    (named,) = request.attacks or ()
    chosen = resources.plugins.attack(named)
    if type(chosen.plugin).fit is Attack.fit:
        raise nothing_to_learn(named)
    cells = plan(request, known(request, resources))
    cell = [one for one in cells if one.direction == cells[0].direction][-1]  # after the reference
    systems = Systems(resources)
    try:
        surrogate = systems.get(cell.victim, cell.direction)
        check_learning(chosen, surrogate)
        found = learn(chosen, surrogate, Threat.on(surrogate.modality, cell.radius))
        if found is None:
            raise nothing_to_learn(named)
        path, fitting = found.path, found.fitting
        if output is not None:
            # Learnt once for all values of the options that learning does not depend on: the file tells of these.
            path, fitting = output, replace(fitting, attack=chosen.use)
            if first:
                fitting = save_fitted(path, found.tensors, surrogate.bank, fitting)
    finally:
        systems.close()
    own = chosen.plugin if chosen.spec is None else None
    return FittedAttack(path=path, fitting=fitting, cached=found.cached, attack=own)


def nothing_to_learn(named: AnyAttack) -> UsageError:
    """The error of an attack that does not learn."""
    return UsageError(
        f"attack {shown(named)!r} learns nothing before its first query",
        hint="it needs no fitting: robusthash eval",
    )
