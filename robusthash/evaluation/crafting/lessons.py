"""What an attack is handed to learn on a surrogate, and the description of what it learns."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from robusthash.contracts import Attack, Budget, LearningContext, Precision, Randomness, Surrogate, Threat
from robusthash.devices import has_bfloat16
from robusthash.errors import RobustHashWarning
from robusthash.evaluation.crafting.absent import kind_of
from robusthash.evaluation.crafting.fitted import load_fitted
from robusthash.evaluation.crafting.learning import Learnt, Stored, learnt
from robusthash.evaluation.crafting.samples import Samples
from robusthash.evaluation.planning.fitting import Fitting
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.resources import Resources, versions
from robusthash.evaluation.victims.system import System

_NAMED = 12  #: digits of the key in the name of a folder of samples


def learnt_on(chosen: Chosen[Attack], surrogate: System, threat: Threat) -> Learnt | None:
    """What an attack has learnt, for its queries: from its file, from the cache, or learnt now.

    Args:
        chosen: the attack.
        surrogate: the system that it is crafted on.
        threat: the ball and the box.

    Returns:
        What it has learnt, on the device; None if it learns nothing.

    Raises:
        RobustHashError: as for :func:`learn`; or the file cannot be read.
    """
    device = surrogate.resources.device
    if chosen.fitted is not None:
        content = load_fitted(chosen.fitted.path)
        tensors, fitting = content.tensors, content.fitting
    else:
        stored = learn(chosen, surrogate, threat)
        if stored is None:
            return None
        tensors, fitting = stored.tensors, stored.fitting
    return Learnt(
        tensors=_on(device, tensors),
        spent=fitting.spent,
        key=fitting.key,
        name=chosen.use.name,
        digest=fitting.digest,
    )


def learn(chosen: Chosen[Attack], surrogate: System, threat: Threat) -> Stored | None:
    """What an attack learns on a surrogate, or has learnt before; None if it learns nothing.

    Args:
        chosen: the attack.
        surrogate: the system that it learns on.
        threat: the ball and the box.

    Raises:
        CapabilityError: the attack needs something that the dataset or the model does not provide.
        TrainingError: the learning diverged.
        PluginError: the attack failed, or violated its contract.
        StorageError: the cache cannot be written.
    """
    resources, fitting = surrogate.resources, fitting_of(chosen, surrogate, threat)
    what = f"{chosen.use.name} on {fitting.model_name}"

    def tell(epoch: int, epochs: int, losses: Mapping[str, float]) -> None:
        resources.tell_losses(what, epoch, epochs, losses)

    context = LearningContext(
        surrogate=Surrogate(surrogate.query_model, Budget(), precision=_precision(resources)),
        threat=threat,
        train=resources.data.train,
        bank=surrogate.bank,
        random=Randomness(seed=resources.setting.seed, purpose=chosen.full_name),
        device=resources.device,
        progress=resources.progress,
        team=resources.team,
        tell=tell,
    )
    if resources.samples is not None:
        folder = resources.samples / f"{chosen.use.name.replace('/', '_')}-{fitting.key[:_NAMED]}"
        context = replace(context, show=Samples(folder, surrogate.modality))
    return learnt(chosen.plugin, context, fitting)


def fitting_of(chosen: Chosen[Attack], surrogate: System, threat: Threat) -> Fitting:
    """The description of what an attack is to learn on a surrogate.

    Args:
        chosen: the attack.
        surrogate: the system that it learns on.
        threat: the ball and the box.
    """
    resources, setting = surrogate.resources, surrogate.resources.setting
    data = resources.data
    return Fitting(
        attack=chosen.use,
        learnt_from=chosen.learnt_from,
        bounded=chosen.plugin.bounded,
        surrogate=surrogate.victim.use,
        defense=surrogate.victim.defense,
        direction=surrogate.direction,
        inputs=kind_of(surrogate.modality),
        dataset=data.name,
        dataset_digest=data.digest,
        train_digest=data.train.digest,
        classes=data.classes,
        epsilon=threat.epsilon,
        norm=threat.norm,
        seed=setting.seed,
        precision=str(_precision(resources)),
        device=resources.device.type,
        processes=resources.team.size,
        versions=versions(),
    )


def _precision(resources: Resources) -> Precision:
    """The precision to learn in: float32 where bfloat16 is only emulated, which takes ten times as long."""
    asked, device = resources.setting.precision, resources.device
    if asked is Precision.FLOAT32 or has_bfloat16(device):
        return asked
    warnings.warn(
        "this processor has no bfloat16: what attacks learn is learnt in float32", RobustHashWarning, stacklevel=2
    )
    return Precision.FLOAT32


def _on(device: torch.device, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
