"""Trains a model, and stores it as a checkpoint."""

from pathlib import Path

from robusthash.contracts import Progress
from robusthash.errors import OptionError
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.running.checking import check
from robusthash.evaluation.victims.checkpoints import train_checkpoint
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost
from robusthash.training import Description


def train_victim(
    model: str, bits: int, setting: RunSettings, host: PluginHost, *, output: Path | None, progress: Progress
) -> tuple[Path, Description, bool]:
    """Trains a model, or loads it from the cache.

    Args:
        model: registered name.
        bits: code length.
        setting: dataset, backbone, options.
        host: the plugins.
        output: path of the checkpoint, which is then trained again; None is the cache.
        progress: called with (done, total, what).

    Returns:
        The checkpoint's path, its description, and whether it was found in the cache.

    Raises:
        UsageError: a name or an option is wrong, or there is nothing to train.
        TrainingError: training diverged or collapsed.
        StorageError: the checkpoint cannot be written.
    """
    if setting.checkpoint is not None:
        raise OptionError(
            f"--checkpoint {setting.checkpoint} is a trained model, and train makes one",
            hint="--weights FILE starts from weights of the backbone; robusthash harden starts from a trained model",
        )
    resources = Resources(setting, host, progress)
    check(Request(models=(model,), attacks=(), bits=(bits,), setting=setting), resources)
    return train_checkpoint(VictimPlan(model=model, bits=bits), resources, output)
