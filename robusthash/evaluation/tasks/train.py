"""Trains a model, and stores it as a checkpoint."""

from pathlib import Path

from robusthash.contracts import Progress
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.planning.training import training_request
from robusthash.evaluation.running.preparing.checking import check
from robusthash.evaluation.tasks.teams import joined
from robusthash.evaluation.victims.checkpoints import StoredModel, train_checkpoint
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost


def train_victim(
    model: str, bits: int, setting: RunSettings, host: PluginHost, *, output: Path | None, progress: Progress
) -> StoredModel:
    """Trains a model, or loads it from the cache.

    Processes that ``torchrun`` has started train it together, and the first of them writes the checkpoint.

    Args:
        model: registered name.
        bits: code length.
        setting: dataset, backbone, options.
        host: the plugins.
        output: path of the checkpoint, which is then trained again; None is the cache.
        progress: called with (done, total, what).

    Returns:
        The checkpoint.

    Raises:
        UsageError: a name or an option is wrong, or there is nothing to train.
        TrainingError: training diverged or collapsed.
        StorageError: the checkpoint cannot be written.
    """
    with joined(setting.device) as team:
        resources = Resources(setting, host, progress, observed=team.rank == 0)
        check(training_request(model, bits, setting), resources)
        return train_checkpoint(VictimPlan(model=model, bits=bits), resources, output, team=team)
