"""What a request leaves open, and its models decide: the dataset. Importable without torch."""

from collections.abc import Iterable
from dataclasses import replace

from robusthash.checkpoints import read_description
from robusthash.errors import UsageError
from robusthash.evaluation.planning.names import AnyModel, checkpoint_path, registered_name
from robusthash.evaluation.planning.request import AUTO, Request, RunSettings
from robusthash.host import PluginHost, PluginKind
from robusthash.specs import ModelSpec

USUAL_DATASET = "digits"


def settled(request: Request, host: PluginHost) -> Request:
    """A request with the dataset that its models suggest, if it names none.

    Args:
        request: the request.
        host: the plugins.

    Raises:
        UsageError: models suggest different datasets, or a name is unknown.
        CheckpointError: a model is a checkpoint that cannot be read.
    """
    return replace(request, setting=settled_setting(request.setting, request.everyone, host))


def settled_setting(setting: RunSettings, models: Iterable[AnyModel], host: PluginHost) -> RunSettings:
    """A setting with the dataset that some models suggest, if it names none: the usual one, if none suggests any.

    Args:
        setting: the setting.
        models: what is evaluated or trained.
        host: the plugins.

    Raises:
        UsageError: models suggest different datasets, or a name is unknown.
        CheckpointError: a model is a checkpoint that cannot be read.
    """
    if setting.dataset != AUTO:
        return setting
    suggested = {name: dataset for model in models for name, dataset in _suggestion(model, host)}
    found = sorted(set(suggested.values()))
    if len(found) > 1:
        raise UsageError(
            "models suggest different datasets: " + ", ".join(f"{name} {of}" for name, of in suggested.items()),
            hint="name one with --dataset",
        )
    return replace(setting, dataset=found[0] if found else USUAL_DATASET)


def _suggestion(model: AnyModel, host: PluginHost) -> list[tuple[str, str]]:
    """The name of a registered model with the dataset that its spec suggests; empty if it suggests none."""
    path = checkpoint_path(model)
    name = read_description(path).model.name if path else registered_name(model)
    if name is None:
        return []
    spec = host.find(PluginKind.MODEL, name).spec
    return [(name, spec.dataset)] if isinstance(spec, ModelSpec) and spec.dataset is not None else []
