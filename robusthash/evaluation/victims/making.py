"""Makes victims: trained or cached, read from a checkpoint, built by the user, passed as objects, or ready models."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from torch import Tensor

from robusthash.boundary import IN_MEMORY, Whose, breach, foreign, own, whose
from robusthash.contracts import IMAGE, CrossModalHashModel, Descriptor, HashModel, ReadyModel
from robusthash.errors import CapabilityError, MissingDependencyError, UsageError
from robusthash.evaluation.planning.early import require_described
from robusthash.evaluation.planning.names import AnyDefense, checkpoint_path, shown, user_path
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.planning.request import TRAIN
from robusthash.evaluation.victims.checkpoints import start_of, train_checkpoint
from robusthash.evaluation.victims.hardening import harden
from robusthash.evaluation.victims.networks import described_network, require_same_inputs, side
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.victim import Victim
from robusthash.files.paths import as_text
from robusthash.files.storage import digest
from robusthash.results import ModelUse, PluginUse
from robusthash.training import (
    Description,
    LogitModel,
    build_descriptor,
    load_checkpoint,
    load_tensors,
    read_description,
    user_model,
    weights_digest,
)


def get_victim(plan: VictimPlan, resources: Resources) -> Victim:
    """The victim of a plan: loaded, cached or trained; then hardened, frozen and moved to the device.

    Args:
        plan: the model, its code length and its defense.
        resources: the dataset and the plugins.

    Raises:
        UsageError: the model does not accept the dataset's items, has nothing to train, or is already hardened.
        CapabilityError: a defense is requested for a model with several towers.
        CheckpointError: a checkpoint cannot be read, or has another model, code length or image size.
        MissingDependencyError: a library that a ready model needs is not installed.
        ContractError: a plugin did not build what its contract requires.
        TrainingError: a training diverged or collapsed.
    """
    victim = undefended(plan, resources)
    if plan.defense is not None:
        victim = defended(victim, plan.defense, resources)
    return placed(victim, resources)


def placed(victim: Victim, resources: Resources) -> Victim:
    """A victim as it is attacked: frozen, in evaluation mode, on the device."""
    with foreign(victim.model, "be frozen and moved to the device"):
        victim.model.requires_grad_(requires_grad=False).eval().to(resources.device)
    return victim


def undefended(plan: VictimPlan, resources: Resources) -> Victim:
    """The model of a plan without its defense, where it was made.

    Args:
        plan: the model and its code length.
        resources: the dataset and the plugins.

    Raises:
        RobustHashError: as for :func:`get_victim`.
    """
    owner = owner_of(plan, resources)
    with foreign(owner, f"be made ready for {plan}"):
        victim = _undefended(plan, resources, owner)
        _mark(victim.model, owner)
        return victim.identified()


def owner_of(plan: VictimPlan, resources: Resources) -> Whose:
    """Whose code the model of a plan is: of the plugin that makes it, or of the user's own file or object."""
    named = plan.model
    what = f"model {shown(named)!r}"
    if not isinstance(named, str):
        kind = type(named.network if isinstance(named, LogitModel) else named)
        return Whose(what=what, owner=f"{IN_MEMORY} {kind.__module__}:{kind.__qualname__}", users=True)
    if user_path(named) is not None:
        return Whose(what=what, owner=named, users=True)
    path = checkpoint_path(named)
    if path is not None:
        return Whose(what=what, owner=str(path))
    return whose(resources.plugins.model(named).plugin)


def _mark(model: HashModel | CrossModalHashModel, owner: Whose) -> None:
    own(model, owner)
    if isinstance(model, CrossModalHashModel):
        for tower in model.towers.values():
            own(tower, owner)


def _undefended(plan: VictimPlan, resources: Resources, owner: Whose) -> Victim:
    named = plan.model
    if not isinstance(named, str):
        return _in_memory(named, resources, owner)
    path = checkpoint_path(named)
    if user_path(named) is not None:
        return _built_by_user(named, plan.bits, resources, owner)
    if path is not None:
        return _from_file(path, resources)
    if resources.setting.checkpoint is not None:
        return _from_checkpoint(named, plan.bits, resources, resources.setting.checkpoint)
    chosen = resources.plugins.model(named)
    if isinstance(chosen.plugin, ReadyModel):
        return _ready(chosen.plugin, chosen.use, resources)
    if isinstance(chosen.plugin, Descriptor):
        return _descriptor(chosen.plugin, chosen.use, resources)
    return _trained(plan, resources)


def _in_memory(model: HashModel | CrossModalHashModel, resources: Resources, owner: Whose) -> Victim:
    """A model passed as an object. The caller keeps it; here it is only frozen and moved to the device."""
    _require_inputs(model, resources, shown(model))
    _mark(model, owner)
    use = _own(model, shown(model), owner.owner, {})
    return Victim(model=model, use=use, defense=None, origin="passed as an object")


def _built_by_user(name: str, bits: int | None, resources: Resources, owner: Whose) -> Victim:
    checkpoint = resources.setting.checkpoint
    model = user_model(name, bits=bits, modalities=resources.data.modalities, checkpoint=checkpoint)
    _mark(model, owner)
    options = {"checkpoint": as_text(checkpoint.name) if checkpoint else None}
    use = _own(model, as_text(Path(name.rpartition(":")[0]).stem), as_text(name), options)
    return Victim(model=model, use=use, defense=None, origin=f"built by {name}")


def _own(model: HashModel | CrossModalHashModel, name: str, owner: str, options: Mapping[str, str | None]) -> ModelUse:
    """The record's entry for a model of the user's own."""
    space = model.space
    return ModelUse(
        name=name,
        owner=owner,
        options=options,
        size=space.size,
        distance=space.distance,
        backbone="own",
        digest=weights_digest(model),
    )


def _require_inputs(model: HashModel | CrossModalHashModel, resources: Resources, name: str) -> None:
    """Refuses a model whose input shape differs from that of the dataset's items."""
    towers = model.towers.values() if isinstance(model, CrossModalHashModel) else [model]
    for tower in towers:
        assert isinstance(tower, HashModel)  # noqa: S101 - ModuleDict does not keep its type
        wanted = resources.data.modalities.get(tower.modality.name)
        if wanted is not None and wanted.shape != tower.modality.shape:
            raise UsageError(
                f"{name} takes {tower.modality.name}s of shape {tower.modality.shape}, and the dataset's are "
                f"{wanted.shape}",
                hint="build it for this shape, or add --image-size",
            )


def _ready(method: ReadyModel, use: PluginUse, resources: Resources) -> Victim:
    """A ready model. The versions of its libraries are recorded with its options and are part of its digest."""
    model = method.build(resources.data.modalities)
    if not isinstance(model, HashModel | CrossModalHashModel) or model.space.size != method.bits:
        kind = f"{type(model).__name__}"
        raise breach(method, f"built a {kind}", hint=f"return a HashModel of {method.bits} bits from `build`")
    _mark(model, whose(method))
    _require_inputs(model, resources, f"model {use.name!r} of {use.owner}")
    options = {**use.options, "libraries": {name: _version(name, use) for name in method.libraries}}
    made_from = {**asdict(use), "options": options, "weights": weights_digest(model)}
    told = ModelUse(
        name=use.name, owner=use.owner, options=options, size=method.bits, backbone="none", digest=digest(made_from)
    )
    return Victim(model=model, use=told, defense=None, origin=f"used as it is, {method.bits} bits: {use.owner}")


def _descriptor(method: Descriptor, use: PluginUse, resources: Resources) -> Victim:
    """Descriptors from the features of a backbone with its initial weights."""
    setting = resources.setting
    backbone = resources.plugins.backbone(setting.backbone or resources.data.backbone)
    network = build_descriptor(
        backbone.plugin,
        method,
        image_size=side(resources.data.modalities[IMAGE]),
        weights=setting.weights,
        seed=setting.seed,
    )
    start = start_of(setting.weights)
    made_from = {**asdict(use), "backbone": asdict(backbone.use), "weights": weights_digest(network)}
    told = ModelUse(
        name=use.name,
        owner=use.owner,
        options={**use.options, "weights": start, "backbone": dict(backbone.use.options)},
        size=network.space.size,
        distance=network.space.distance,
        backbone=backbone.use.name,
        digest=digest(made_from),
    )
    return Victim(model=network, use=told, defense=None, origin=f"features of {backbone.use.name}, weights: {start}")


def _version(library: str, use: PluginUse) -> str:
    try:
        return version(library)
    except PackageNotFoundError as error:
        raise MissingDependencyError(
            f"model {use.name!r} of {use.owner} needs the distribution {library}, which is not installed",
            hint=f"pip install {library}",
        ) from error


def _trained(plan: VictimPlan, resources: Resources) -> Victim:
    found = train_checkpoint(plan, resources)
    path = found.path
    origin = f"loaded from the cache: {path}" if found.cached else f"trained here, and stored in the cache: {path}"
    return _from_description(load_tensors(path), path, found.description, resources, origin)


def _from_checkpoint(name: str, bits: int | None, resources: Resources, path: Path) -> Victim:
    description = read_description(path)
    require_described(description, path, model=name, bits=bits)
    return _from_file(path, resources)


def _from_file(path: Path, resources: Resources) -> Victim:
    tensors, description = load_checkpoint(path)
    require_same_inputs(description, path, resources.data.query)
    return _from_description(tensors, path, description, resources, f"loaded from {path}")


def _from_description(
    tensors: Mapping[str, Tensor], path: Path, description: Description, resources: Resources, origin: str
) -> Victim:
    network = described_network(tensors, path, description, resources.plugins)
    use = ModelUse(
        name=description.model.name,
        owner=description.model.owner,
        options={**description.model.options, **({TRAIN: dict(description.recipe)} if description.recipe else {})},
        size=description.bits,
        backbone="+".join([description.backbone.name, *(one.backbone.name for one in description.towers.values())]),
        digest=description.weights_digest,
    )
    return Victim(model=network, use=use, defense=description.defense, origin=origin, description=description)


def defended(victim: Victim, named: AnyDefense, resources: Resources) -> Victim:
    """An undefended victim with a defense.

    Args:
        victim: as it was made.
        named: the defense.
        resources: the dataset and the plugins.

    Raises:
        RobustHashError: as for :func:`get_victim`.
    """
    chosen = resources.plugins.defense(named)
    if not isinstance(victim.model, HashModel):
        raise CapabilityError(
            f"defense {chosen.use.name!r} hardens one model, and {victim.use.name} has several towers",
            hint="evaluate it with --defense none",
        )
    hardened = harden(victim.model, victim.use, victim.description, chosen, resources)
    origin = f"{victim.origin}; hardened: {hardened.path}" if hardened.path else victim.origin
    own(hardened.model, whose(chosen.plugin))
    found = replace(victim, model=hardened.model, use=hardened.use, defense=chosen.use, origin=origin)
    with foreign(chosen.plugin, f"harden {victim.use.name}"):
        return found.identified()
