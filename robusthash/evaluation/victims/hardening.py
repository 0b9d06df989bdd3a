"""Hardens victims; what a defense has trained is cached."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from robusthash.boundary import breach, foreign
from robusthash.contracts import (
    ALONE,
    CrossModalHashModel,
    CrossModalObjective,
    Defense,
    HashModel,
    Objective,
    Team,
    TrainedDefense,
    TrainedWrapper,
    TrainingReport,
)
from robusthash.errors import CapabilityError, CheckpointError, UsageError
from robusthash.evaluation.victims.chosen import METHODS, Chosen
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.together import made_together
from robusthash.files.caching import cached_path
from robusthash.files.once import unfinished
from robusthash.files.storage import digest
from robusthash.files.tensors import load_tensors, save_tensors, tensors_digest
from robusthash.host import PluginKind
from robusthash.results import ModelUse
from robusthash.training import (
    Description,
    TeamSnapshots,
    defense_context,
    load_checkpoint,
    load_weights,
    refuse_ruined,
    save_checkpoint,
)
from robusthash.version import __version__

_Model = HashModel | CrossModalHashModel
_Found = tuple[_Model, str]  #: a hardened model, and the digest of its weights


@dataclass(frozen=True, kw_only=True, eq=False)
class Hardened:
    """A hardened model.

    Attributes:
        model: the model with its defense.
        use: the model's entry in the record; if the defense trained, with the digest of the new weights.
        path: trained weights in the cache: a checkpoint if the model is the network itself, else plain tensors. None if
            the defense does not train.
        cached: whether the weights were found in the cache.
    """

    model: _Model
    use: ModelUse
    path: Path | None = None
    cached: bool = False


def harden(
    model: _Model,
    use: ModelUse,
    description: Description | None,
    chosen: Chosen[Defense],
    resources: Resources,
    *,
    team: Team = ALONE,
) -> Hardened:
    """Hardens a model by a defense.

    What a defense trains is cached under a digest of all that it depends on, and an unfinished training is resumed.

    Args:
        model: in evaluation mode, with one tower or several; it is not changed.
        use: its entry in the record.
        description: description of its checkpoint; None if it has none.
        chosen: the defense.
        resources: the dataset and the plugins.
        team: the processes that train it together; of processes that do not, one trains, and the others wait.

    Raises:
        UsageError: the model is already hardened, or has nothing to train.
        CapabilityError: the model has several towers, and the defense hardens one model alone.
        ContractError: the defense returned something other than a model of the same space.
        TrainingError: the training diverged, or collapsed: the codes tell items apart no longer.
        CheckpointError: the snapshot of an unfinished training cannot be read.
    """
    if description is not None and description.defense is not None:
        raise UsageError(
            f"{use.name} has been hardened by {description.defense.name!r}, so {chosen.use.name!r} cannot be applied",
            hint="harden the undefended model, or evaluate this one with --defense none",
        )
    if isinstance(chosen.plugin, TrainedDefense):
        return _trained(chosen.plugin, model, use, description, chosen, resources, team)
    if not isinstance(model, HashModel):
        raise _for_one(use, chosen)
    context = defense_context(resources.data, seed=resources.setting.seed, progress=resources.progress)
    with foreign(chosen.plugin, f"harden {use.name}"):
        hardened = chosen.plugin.harden(model, context)
    return Hardened(model=_checked(hardened, model, chosen), use=use)


def _trained(
    method: TrainedDefense,
    model: _Model,
    use: ModelUse,
    description: Description | None,
    chosen: Chosen[Defense],
    resources: Resources,
    team: Team,
) -> Hardened:
    made_from = _made_from(use, description, chosen, resources, team)
    key = digest(made_from)
    name = f"{chosen.use.name}-{use.name}-{resources.data.name}-{use.size}bit-{key[:16]}".replace("/", "-")
    path = cached_path("hardened", f"{name}.safetensors")
    wrapper = method if isinstance(method, TrainedWrapper) else None
    if wrapper and not isinstance(model, HashModel):
        raise _for_one(use, chosen)
    described = None if wrapper else description  # a description can rebuild the network only, not its wrapper

    def read() -> _Found | None:
        try:
            tensors = load_checkpoint(path)[0] if described is not None else load_tensors(path)
        except CheckpointError:
            return None
        with foreign(method, f"be put around {use.name}"):
            hardened = deepcopy(model)
            if wrapper and isinstance(hardened, HashModel):
                hardened = wrapper.around(hardened, resources.setting.seed)
        _checked(hardened, model, chosen)
        load_weights(hardened, tensors, str(path))
        return hardened, tensors_digest(tensors)

    def make() -> _Found:
        if not wrapper and not any(parameter.is_floating_point() for parameter in model.parameters()):
            raise UsageError(
                f"there is nothing to train in {use.name}, and {chosen.use.name!r} trains",
                hint="choose a defense that does not train: robusthash plugins list --kind defense",
            )
        context = defense_context(
            resources.data,
            seed=resources.setting.seed,
            progress=resources.progress,
            watch=resources.watch(f"{chosen.use.name} of {use.name} {use.label}"),
            objective=_objective(description, resources),
            objective_seed=description.seed if description is not None else resources.setting.seed,
            device=resources.device,
            snapshots=TeamSnapshots(unfinished(path), key, team=team),
            team=team,
        )
        with foreign(method, f"harden {use.name}"):
            found: tuple[_Model, TrainingReport]
            if isinstance(model, HashModel):
                found = method.train(model, context)
            else:
                found = method.train_towers(model, context)
        if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], TrainingReport):
            raise breach(
                method, f"returned {type(found).__name__} from `train`", hint="return a model and a TrainingReport"
            )
        hardened, report = found
        _checked(hardened, model, chosen)
        refuse_ruined(model, hardened, resources.data.train, seed=resources.setting.seed)
        first = team.rank == 0
        stored = _store(path, hardened, report, made_from, described, chosen) if first else ""
        return hardened, team.agreed(stored)

    (hardened, found), cached = made_together(team, path, read, make)
    return Hardened(model=hardened, use=replace(use, digest=found), path=path, cached=cached)


def _made_from(
    use: ModelUse, description: Description | None, chosen: Chosen[Defense], resources: Resources, team: Team
) -> dict[str, Any]:
    """Everything that could change the outcome, as plain values."""
    return {
        "model": use.identity(),
        "objective": {**asdict(description.model), "seed": description.seed} if description is not None else None,
        "defense": asdict(chosen.use),
        "dataset": resources.data.digest,
        "size": list(resources.data.train.images.size),
        "epsilon": resources.data.epsilon,
        "epsilon_l2": resources.data.epsilon_l2,
        "seed": resources.setting.seed,
        "device": resources.device.type,
        "versions": {"robusthash": __version__, "torch": torch.__version__},
        **({"processes": team.size} if team.size > 1 else {}),
    }


def _objective(description: Description | None, resources: Resources) -> Objective | CrossModalObjective | None:
    """The objective that trained a model; None if there was none, or if it is unknown."""
    if description is None:
        return None
    model = description.model
    method = resources.plugins.choose(PluginKind.MODEL, model.name, METHODS, model.options).plugin
    return method if isinstance(method, Objective | CrossModalObjective) else None


def _store(
    path: Path,
    hardened: _Model,
    report: TrainingReport,
    made_from: Mapping[str, Any],
    description: Description | None,
    chosen: Chosen[Defense],
) -> str:
    """Writes hardened weights, with a description if the victim has one, and returns their digest."""
    if description is None:
        save_tensors(path, hardened.state_dict())
        return tensors_digest(hardened.state_dict())
    kept = ("model", "dataset", "seed", "device", "processes")
    told = {**asdict(report), "hardened": {name: made_from[name] for name in kept if name in made_from}}
    return save_checkpoint(path, hardened, replace(description, defense=chosen.use, report=told)).weights_digest


def _checked(hardened: _Model, model: _Model, chosen: Chosen[Defense]) -> _Model:
    kind = HashModel if isinstance(model, HashModel) else CrossModalHashModel
    with foreign(chosen.plugin, "return a model that tells its space"):
        space = hardened.space if isinstance(hardened, kind) else None
    if space != model.space:
        found = type(hardened).__name__ if space is None else f"a {kind.__name__} of {space}"
        raise breach(
            chosen.plugin, f"returned {found}", hint=f"return a {kind.__name__} of the same space, {model.space}"
        )
    return hardened


def _for_one(use: ModelUse, chosen: Chosen[Defense]) -> CapabilityError:
    return CapabilityError(
        f"defense {chosen.use.name!r} hardens one model, and {use.name} has several towers",
        hint="choose one that trains, such as cgat or fpad, or evaluate it with --defense none",
    )
