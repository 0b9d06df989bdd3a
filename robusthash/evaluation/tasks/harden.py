"""Hardens a model, and stores the result as a checkpoint."""

from pathlib import Path

from robusthash.contracts import Progress, Team, TrainedDefense, TrainedWrapper
from robusthash.errors import UsageError
from robusthash.evaluation.planning.names import AnyDefense, checkpoint_path
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.planning.training import hardening_request
from robusthash.evaluation.running.preparing.checking import check
from robusthash.evaluation.tasks.teams import joined
from robusthash.evaluation.victims.checkpoints import StoredModel, train_checkpoint
from robusthash.evaluation.victims.hardening import harden
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.storage import write_atomically
from robusthash.host import PluginHost
from robusthash.training import read_description


def harden_victim(
    defense: AnyDefense,
    model: str,
    bits: int,
    setting: RunSettings,
    host: PluginHost,
    *,
    output: Path | None,
    progress: Progress,
) -> StoredModel:
    """Hardens a model by a defense that trains, or loads the result from the cache.

    Processes that ``torchrun`` has started harden it together, and the first of them writes the checkpoint. A model
    that is to be trained before is trained by one of them.

    Args:
        defense: registered name, or the defense itself.
        model: registered name of a model, which is trained first unless it is in the cache; or a checkpoint's path.
        bits: code length; a checkpoint has its own.
        setting: dataset, backbone, options.
        host: the plugins.
        output: path of a copy of the checkpoint; None stores it in the cache only.
        progress: called with (done, total, what).

    Returns:
        The checkpoint.

    Raises:
        UsageError: the defense does not change the model's weights, or the model is a file of the user's own.
        CheckpointError: the checkpoint cannot be read, or is of another model.
        TrainingError: a training diverged or collapsed.
        StorageError: the copy cannot be written.
    """
    with joined(setting.device) as team:
        return _hardened(defense, model, bits, setting, host, team, output=output, progress=progress)


def _hardened(
    defense: AnyDefense,
    model: str,
    bits: int,
    setting: RunSettings,
    host: PluginHost,
    team: Team,
    *,
    output: Path | None,
    progress: Progress,
) -> StoredModel:
    resources = Resources(setting, host, progress, observed=team.rank == 0)
    check(hardening_request(defense, model, bits, setting), resources, own_bits=True)
    chosen = resources.plugins.defense(defense)
    if not isinstance(chosen.plugin, TrainedDefense) or isinstance(chosen.plugin, TrainedWrapper):
        raise UsageError(
            f"defense {chosen.use.name!r} leaves the model itself unchanged, so there is no checkpoint to write",
            hint=f"robusthash eval --model {model} --defense {chosen.use.name}",
        )
    given = checkpoint_path(model) or setting.checkpoint
    path = given or train_checkpoint(VictimPlan(model=model, bits=bits), resources).path
    description = read_description(path)
    victim = get_victim(VictimPlan(model=str(path), bits=description.bits), resources)
    hardened = harden(victim.model, victim.use, description, chosen, resources, team=team)
    assert hardened.path is not None  # noqa: S101 - a defense that trains has a path
    if output is not None and team.rank == 0:
        write_atomically(output, hardened.path.read_bytes())
    return StoredModel(
        path=output or hardened.path, description=read_description(hardened.path), cached=hardened.cached
    )
