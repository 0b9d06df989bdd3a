"""Victims: models made here, taken from the cache, read from a checkpoint, built by the user, or ready as they are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import robusthash
from robusthash.contracts import ClosedForm, HashModel, Objective, ReadyModel, Recipe, TrainingReport
from robusthash.errors import CheckpointError, ContractError, MissingDependencyError, UsageError
from robusthash.evaluation.planning.plan import VictimPlan, checkpoint_path
from robusthash.evaluation.victims.hardening import harden
from robusthash.evaluation.victims.resources import TRAIN, Chosen, Method, Resources, user_path
from robusthash.options import as_plain, build_options
from robusthash.results import ModelUse, PluginUse
from robusthash.storage import cache_folder, digest
from robusthash.training import (
    Description,
    HashNetwork,
    build_network,
    load_checkpoint,
    load_tensors,
    load_weights,
    read_description,
    save_checkpoint,
    set_hash_layer,
    tensors_digest,
    train,
    user_model,
    weights_digest,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Victim:
    """A model ready to be attacked.

    Attributes:
        model: on the device, in evaluation mode, its parameters frozen.
        use: what the record says of it.
        defense: what hardened it; None if nothing did.
        origin: where it came from, in a few words for the user.
        description: all that made the model; None if nobody knows.
    """

    model: HashModel
    use: ModelUse
    defense: PluginUse | None
    origin: str
    description: Description | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """The model and what hardened it, as plain values: what a digest or a manifest names it by."""
        return {"model": self.use.identity(), "defense": asdict(self.defense) if self.defense else None}


def get_victim(plan: VictimPlan, resources: Resources) -> Victim:
    """The victim of a plan: given by the user, cached, or made now; then defended, frozen and put on the device.

    Args:
        plan: which model, how many bits, which defense.
        resources: the dataset and the plugins.

    Raises:
        CheckpointError: the checkpoint given is of another model, code length or image size.
        TrainingError: training diverged or collapsed.
    """
    path = checkpoint_path(plan.model)
    if user_path(plan.model) is not None:
        victim = _built_by_user(plan, resources)
    elif path is not None:
        victim = _from_file(path, resources)
    elif resources.setting.checkpoint is not None:
        victim = _from_checkpoint(plan, resources, resources.setting.checkpoint)
    else:
        chosen = resources.model(plan.model)
        method = chosen.plugin
        victim = _ready(method, chosen.use, resources) if isinstance(method, ReadyModel) else _trained(plan, resources)
    if plan.defense is not None:
        victim = _defended(victim, plan.defense, resources)
    victim.model.requires_grad_(requires_grad=False).eval().to(resources.device)
    return victim


def train_checkpoint(
    plan: VictimPlan, resources: Resources, output: Path | None = None
) -> tuple[Path, Description, bool]:
    """Trains a model, or sets its hash layer in closed form, unless the very same is in the cache.

    Args:
        plan: which model and how many bits.
        resources: the dataset and the plugins.
        output: where the checkpoint goes; None is the cache.

    Returns:
        The checkpoint's path, its description, and whether it was there before.

    Raises:
        UsageError: the model is ready as it is, or the images are not square.
        TrainingError: training diverged or collapsed.
    """
    chosen = resources.model(plan.model)
    method = chosen.plugin
    if isinstance(method, ReadyModel):
        raise UsageError(
            f"there is nothing to train: model {plan.model!r} of {chosen.use.owner} is a hash of {method.bits} bits "
            "as it is",
            hint=f"robusthash eval --model {plan.model} --attack square",
        )
    backbone = resources.backbone(resources.setting.backbone or resources.data.backbone)
    recipe = _recipe(chosen, resources)
    height = _side(resources)
    described = Description(
        model=chosen.use,
        backbone=backbone.use,
        pretrained=_start(resources.setting.weights),
        recipe={} if isinstance(method, ClosedForm) else as_plain(recipe),
        bits=plan.bits,
        image_size=height,
        dataset=resources.setting.dataset,
        dataset_digest=resources.data.digest,
        classes=resources.data.classes,
        seed=resources.setting.seed,
        versions={"robusthash": robusthash.__version__, "torch": torch.__version__},
        report={},
    )
    key = digest({**asdict(described), "device": resources.device.type})[:16]
    name = f"{plan.model.replace('/', '-')}-{resources.data.name.replace('/', '-')}-{plan.bits}bit-{key}.safetensors"
    cached = cache_folder() / "checkpoints" / name
    path = output or cached
    if output is None and cached.exists():
        return cached, load_checkpoint(cached)[1], True
    network = build_network(
        backbone.plugin,
        bits=plan.bits,
        image_size=height,
        weights=resources.setting.weights,
        seed=resources.setting.seed,
    )
    partial = cached.with_suffix(".partial")
    report = _learn(network, method, recipe, resources, partial)
    description = replace(described, report=asdict(report))
    saved = save_checkpoint(path, network, description)
    partial.unlink(missing_ok=True)
    return path, saved, False


def _recipe(chosen: Chosen[Method], resources: Resources) -> Recipe:
    """How an objective trains: the model's own values, and the user's over them."""
    values = {**getattr(chosen.registered.spec, "recipe", {}), **resources.setting.options.get(TRAIN, {})}
    return build_options(Recipe, values, where="the training recipe")


def _learn(
    network: HashNetwork, method: Objective | ClosedForm, recipe: Recipe, resources: Resources, partial: Path
) -> TrainingReport:
    seed, device, progress = resources.setting.seed, resources.device, resources.progress
    if isinstance(method, ClosedForm):
        return set_hash_layer(network, method, resources.data.train, seed=seed, device=device, progress=progress)
    return train(network, method, recipe, resources.data, seed=seed, device=device, progress=progress, partial=partial)


def _side(resources: Resources) -> int:
    """Height and width of the images."""
    height, width = resources.data.query.images.size
    if height != width:
        raise UsageError(f"images are {height}x{width}", hint="models take square images: give --image-size")
    return height


def _ready(method: ReadyModel, use: PluginUse, resources: Resources) -> Victim:
    """A hash that nobody trains. Its libraries' versions stand beside its options, and decide its digest."""
    side = _side(resources)
    model = method.build(side)
    shaped = isinstance(model, HashModel) and (model.bits, model.modality.shape) == (method.bits, (3, side, side))
    if not shaped:
        raise ContractError(
            f"model {use.name!r} of {use.owner} built no HashModel of {method.bits} bits for {side}x{side} images"
        )
    options = {**use.options, "libraries": {name: _version(name, use) for name in method.libraries}}
    made_from = {**asdict(use), "options": options, "weights": weights_digest(model)}
    told = ModelUse(
        name=use.name, owner=use.owner, options=options, size=method.bits, backbone="none", digest=digest(made_from)
    )
    return Victim(model=model, use=told, defense=None, origin=f"ready as it is, {method.bits} bits: {use.owner}")


def _version(library: str, use: PluginUse) -> str:
    try:
        return version(library)
    except PackageNotFoundError as error:
        raise MissingDependencyError(
            f"model {use.name!r} of {use.owner} needs the distribution {library}, which is not installed",
            hint=f"pip install {library}",
        ) from error


def _trained(plan: VictimPlan, resources: Resources) -> Victim:
    path, description, cached = train_checkpoint(plan, resources)
    origin = f"taken from the cache: {path}" if cached else f"trained here, and kept in the cache: {path}"
    return _from_description(load_tensors(path), path, description, resources, origin)


def _from_checkpoint(plan: VictimPlan, resources: Resources, path: Path) -> Victim:
    description = read_description(path)
    for what, found, wanted in (
        ("model", description.model.name, plan.model),
        ("bits", description.bits, plan.bits),
    ):
        if found != wanted:
            raise CheckpointError(f"{path} has {what} {found}, not {wanted}", hint=f"ask for {what} {found}")
    return _from_file(path, resources)


def _from_file(path: Path, resources: Resources) -> Victim:
    tensors, description = load_checkpoint(path)
    found, wanted = description.image_size, resources.data.query.images.size[0]
    if found != wanted:
        raise CheckpointError(f"{path} has image size {found}, not {wanted}", hint=f"ask for image size {found}")
    return _from_description(tensors, path, description, resources, f"given: {path}")


def _from_description(
    tensors: Mapping[str, Tensor], path: Path, description: Description, resources: Resources, origin: str
) -> Victim:
    backbone = resources.backbone(description.backbone.name, description.backbone.options)
    network = build_network(
        backbone.plugin, bits=description.bits, image_size=description.image_size, weights="none", seed=description.seed
    )
    load_weights(network, tensors, str(path))
    if backbone.plugin.channels_last:
        network.to(memory_format=torch.channels_last)
    use = ModelUse(
        name=description.model.name,
        owner=description.model.owner,
        options={**description.model.options, **({TRAIN: dict(description.recipe)} if description.recipe else {})},
        size=description.bits,
        backbone=description.backbone.name,
        digest=description.weights_digest,
    )
    return Victim(model=network, use=use, defense=description.defense, origin=origin, description=description)


def _built_by_user(plan: VictimPlan, resources: Resources) -> Victim:
    checkpoint = resources.setting.checkpoint
    model = user_model(
        plan.model, bits=plan.bits, image_size=resources.data.query.images.size[0], checkpoint=checkpoint
    )
    use = ModelUse(
        name=Path(plan.model.rpartition(":")[0]).stem,
        owner=plan.model,
        options={"checkpoint": checkpoint.name if checkpoint else None},
        size=model.bits,
        backbone="own",
        digest=weights_digest(model),
    )
    return Victim(model=model, use=use, defense=None, origin=f"built by {plan.model}")


def _defended(victim: Victim, name: str, resources: Resources) -> Victim:
    chosen = resources.defense(name)
    hardened = harden(victim.model, victim.use, victim.description, chosen, resources)
    origin = f"{victim.origin}; hardened: {hardened.path}" if hardened.path else victim.origin
    return replace(victim, model=hardened.model, use=hardened.use, defense=chosen.use, origin=origin)


def _start(weights: str) -> str:
    return weights if weights in {"none", "default"} else f"sha256:{tensors_digest(load_tensors(Path(weights)))}"
