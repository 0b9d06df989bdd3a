"""Hardening a victim: by a wrapper at once; by training only where the very same is not in the cache."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robusthash.contracts import (
    Defense,
    HashModel,
    Objective,
    Snapshots,
    TrainedDefense,
    TrainedWrapper,
    TrainingReport,
)
from robusthash.errors import CheckpointError, ContractError, UsageError
from robusthash.evaluation.victims.plugins import METHODS, Chosen
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginKind
from robusthash.results import ModelUse
from robusthash.storage import cache_folder, digest
from robusthash.tensors import load_tensors, save_tensors, tensors_digest
from robusthash.training import Description, defense_context, load_checkpoint, load_weights, save_checkpoint
from robusthash.version import __version__


@dataclass(frozen=True, kw_only=True, eq=False)
class Hardened:
    """A model behind its defense.

    Attributes:
        model: the model.
        use: what the record says of it: the victim's, with the digest of the new weights if there are any.
        path: the weights in the cache; a checkpoint, but for a wrapper that learns. None for one that does not.
        cached: whether it was there before.
    """

    model: HashModel
    use: ModelUse
    path: Path | None = None
    cached: bool = False


def harden(
    model: HashModel, use: ModelUse, description: Description | None, chosen: Chosen[Defense], resources: Resources
) -> Hardened:
    """Puts a model behind a defense.

    A defense that trains is as expensive as a training, and is treated as one: its outcome is kept in the cache under
    all that made it, and an unfinished hardening goes on where it was.

    Args:
        model: in evaluation mode; it stays as it is.
        use: what the record says of it.
        description: all that made it; None if nobody knows.
        chosen: the defense.
        resources: the dataset and the plugins.

    Raises:
        UsageError: the model has been hardened before, or has nothing to train.
        ContractError: the defense gave no such model.
        TrainingError: the training diverged or collapsed.
    """
    if description is not None and description.defense is not None:
        raise UsageError(
            f"{use.name} has been hardened by {description.defense.name!r}, and {chosen.use.name!r} would come on top",
            hint="harden the undefended model, or evaluate this one with --defense none",
        )
    if isinstance(chosen.plugin, TrainedDefense):
        return _trained(chosen.plugin, model, use, description, chosen, resources)
    context = defense_context(resources.data, seed=resources.setting.seed, progress=resources.progress)
    return Hardened(model=_checked(chosen.plugin.harden(model, context), model, chosen), use=use)


def _trained(
    method: TrainedDefense,
    model: HashModel,
    use: ModelUse,
    description: Description | None,
    chosen: Chosen[Defense],
    resources: Resources,
) -> Hardened:
    made_from = _made_from(use, description, chosen, resources)
    key = digest(made_from)
    name = f"{chosen.use.name}-{use.name}-{resources.data.name}-{use.size}bit-{key[:16]}".replace("/", "-")
    path = cache_folder() / "hardened" / f"{name}.safetensors"
    wrapper = method if isinstance(method, TrainedWrapper) else None
    described = None if wrapper else description  # a description builds the network alone, not what is around it
    tensors = _read(path, described=described is not None)
    if tensors is not None:
        hardened = wrapper.around(deepcopy(model), resources.setting.seed) if wrapper else deepcopy(model)
        load_weights(hardened, tensors, str(path))
        return Hardened(model=hardened, use=replace(use, digest=tensors_digest(tensors)), path=path, cached=True)
    if not wrapper and not any(parameter.is_floating_point() for parameter in model.parameters()):
        raise UsageError(
            f"there is nothing to train in {use.name}, and {chosen.use.name!r} trains", hint="try --defense jpeg"
        )
    snapshots = Snapshots(path.with_suffix(".partial"), key)
    context = defense_context(
        resources.data,
        seed=resources.setting.seed,
        progress=resources.progress,
        objective=_objective(description, resources),
        objective_seed=description.seed if description is not None else resources.setting.seed,
        device=resources.device,
        snapshots=snapshots,
    )
    hardened, report = method.train(model, context)
    _checked(hardened, model, chosen)
    found = _store(path, hardened, report, made_from, described, chosen)
    snapshots.remove()
    return Hardened(model=hardened, use=replace(use, digest=found), path=path)


def _made_from(
    use: ModelUse, description: Description | None, chosen: Chosen[Defense], resources: Resources
) -> dict[str, Any]:
    """Plain values that name everything that could change the outcome."""
    return {
        "model": use.identity(),
        "objective": {**asdict(description.model), "seed": description.seed} if description is not None else None,
        "defense": asdict(chosen.use),
        "dataset": resources.data.digest,
        "size": list(resources.data.train.images.size),
        "epsilon": resources.data.epsilon,
        "seed": resources.setting.seed,
        "device": resources.device.type,
        "versions": {"robusthash": __version__, "torch": torch.__version__},
    }


def _objective(description: Description | None, resources: Resources) -> Objective | None:
    """What trained a model; None if no objective did, or nobody knows."""
    if description is None:
        return None
    model = description.model
    method = resources.plugins.choose(PluginKind.MODEL, model.name, METHODS, model.options).plugin
    return method if isinstance(method, Objective) else None


def _store(
    path: Path,
    hardened: HashModel,
    report: TrainingReport,
    made_from: Mapping[str, Any],
    description: Description | None,
    chosen: Chosen[Defense],
) -> str:
    """Writes the hardened weights, with a description where the victim has one; returns their digest."""
    if description is None:
        save_tensors(path, hardened.state_dict())
        return tensors_digest(hardened.state_dict())
    told = {**asdict(report), "hardened": {name: made_from[name] for name in ("model", "dataset", "seed", "device")}}
    return save_checkpoint(path, hardened, replace(description, defense=chosen.use, report=told)).weights_digest


def _read(path: Path, *, described: bool) -> dict[str, Tensor] | None:
    if not path.exists():
        return None
    try:
        return load_checkpoint(path)[0] if described else load_tensors(path)
    except CheckpointError:
        path.unlink()  # a cache file that cannot be read is made again
        return None


def _checked(hardened: HashModel, model: HashModel, chosen: Chosen[Defense]) -> HashModel:
    if not isinstance(hardened, HashModel) or hardened.space != model.space:
        raise ContractError(
            f"defense {chosen.use.name!r} of {chosen.use.owner} returned no HashModel of the same space ({model.space})"
        )
    return hardened
