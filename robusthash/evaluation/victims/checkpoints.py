"""Checkpoints of trained models: trained here unless they are in the cache."""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from robusthash.contracts import (
    ALONE,
    IMAGE,
    ClosedForm,
    Descriptor,
    EpochWatch,
    ReadyModel,
    Recipe,
    Team,
    TrainingReport,
)
from robusthash.errors import CheckpointError, UsageError
from robusthash.evaluation.planning.names import shown
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.planning.request import TRAIN, RunSettings
from robusthash.evaluation.victims.chosen import Chosen, Method
from robusthash.evaluation.victims.networks import Model, Trainable, chosen_networks, side
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.together import made_together
from robusthash.files.caching import cached_path
from robusthash.files.once import unfinished
from robusthash.files.storage import digest, require_space
from robusthash.options import as_plain, build_options
from robusthash.specs import NAMED_WEIGHTS
from robusthash.training import (
    Description,
    HashNetwork,
    load_checkpoint,
    load_tensors,
    save_checkpoint,
    set_hash_layer,
    tensors_digest,
    train,
)
from robusthash.version import __version__


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A trained or hardened model on disk.

    Attributes:
        path: of the checkpoint.
        description: what it says of itself.
        cached: whether it was found in the cache.
    """

    path: Path
    description: Description
    cached: bool


def train_checkpoint(
    plan: VictimPlan, resources: Resources, output: Path | None = None, *, team: Team = ALONE
) -> StoredModel:
    """Trains a model, or computes its hash layer in closed form, unless the checkpoint is in the cache.

    Args:
        plan: the model and its code length.
        resources: the dataset and the plugins.
        output: path of the checkpoint, which is then trained again; None is the cache.
        team: the processes that train it together; of a closed form, each of them computes the same. Of processes that
            do not, one trains, and the others wait: they get the model that a single process has.

    Returns:
        The checkpoint.

    Raises:
        UsageError: there is no code length, there is nothing to train, or the images are not square.
        TrainingError: training diverged or collapsed.
        StorageError: the disk has no room for the checkpoint, or it cannot be written.
    """
    name, bits = shown(plan.model), plan.bits
    if bits is None:
        raise UsageError(f"model {name!r} has no code length to be trained for", hint="add --bits")
    chosen = resources.plugins.model(name)
    method, setting = chosen.plugin, resources.setting
    if isinstance(method, ReadyModel | Descriptor):
        raise UsageError(
            f"model {name!r} of {chosen.use.owner} is not trained: it is used as it is",
            hint=f"robusthash eval --model {name}",
        )
    networks = chosen_networks(name, method, resources)
    recipe = training_recipe(chosen, setting)
    described = Description(
        model=chosen.use,
        backbone=networks.backbones[IMAGE].use,
        towers=networks.towers(resources.data.train),
        pretrained=start_of(setting.weights),
        recipe={} if isinstance(method, ClosedForm) else as_plain(recipe),
        bits=bits,
        image_size=side(networks.modalities[IMAGE]),
        dataset=setting.dataset if isinstance(setting.dataset, str) else resources.data.name,
        dataset_digest=resources.data.digest,
        classes=resources.data.classes,
        seed=setting.seed,
        versions={"robusthash": __version__, "torch": torch.__version__},
        report={},
    )
    together = {"processes": team.size} if team.size > 1 else {}  # their rounding differs, and so may their dropout
    key = digest({**described.plain(), "device": resources.device.type, **together})[:16]
    stem = f"{name}-{resources.data.name}-{bits}bit-{key}".replace("/", "-")
    cached = cached_path("checkpoints", f"{stem}.safetensors")
    path, partial = output or cached, unfinished(cached)

    def make() -> Description:
        network = networks.build(bits=bits, weights=setting.weights, seed=setting.seed)
        networks.prepare(network, resources.data.train)
        size = sum(tensor.nbytes for tensor in network.state_dict().values())
        for file in (path, partial):
            require_space(file.parent, size, "the checkpoint")
        report = _learn(network, method, recipe, resources, partial, team, watch=resources.watch(str(plan)))
        told = replace(described, report={**asdict(report), **together})
        return team.agreed(save_checkpoint(path, network, told) if team.rank == 0 else told)

    def read() -> Description | None:
        with suppress(CheckpointError):  # an unreadable cache file is made again
            return load_checkpoint(cached)[1] if output is None else None
        return None

    found, there = made_together(team, cached, read, make)
    return StoredModel(path=path, description=found, cached=there)


def start_of(weights: str) -> str:
    """The initial weights of a backbone, for the record; a file is named by its digest.

    Args:
        weights: ``none``, ``default``, or the path of a safetensors file.
    """
    return weights if weights in NAMED_WEIGHTS else f"sha256:{tensors_digest(load_tensors(Path(weights)))}"


def training_recipe(chosen: Chosen[Method], setting: RunSettings) -> Recipe:
    """The recipe of a model: its spec's values, overridden by the user's.

    Raises:
        OptionError: a training option is wrong.
    """
    values = {**getattr(chosen.spec, "recipe", {}), **setting.options.get(TRAIN, {})}
    return build_options(Recipe, values, where="the training recipe")


def _learn(
    network: Model,
    method: Trainable,
    recipe: Recipe,
    resources: Resources,
    partial: Path,
    team: Team,
    *,
    watch: EpochWatch,
) -> TrainingReport:
    seed, device, progress = resources.setting.seed, resources.device, resources.progress
    if isinstance(method, ClosedForm):
        assert isinstance(network, HashNetwork)  # noqa: S101 - built for one tower
        return set_hash_layer(network, method, resources.data.train, seed=seed, device=device, progress=progress)
    return train(
        network,
        method,
        recipe,
        resources.data,
        seed=seed,
        device=device,
        progress=progress,
        watch=watch,
        partial=partial,
        team=team,
    )
