"""Checks of a request that need no torch: names, owners of options, files and their headers."""

from pathlib import Path

from robusthash.checkpoints import Description, read_description, read_metadata
from robusthash.epsilon import Radius
from robusthash.errors import CheckpointError, OptionError
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import checkpoint_path, registered_name, user_path
from robusthash.evaluation.planning.request import AUTO, NO_DEFENSE, TRAIN, Request, RunSettings
from robusthash.files.opening import require_file
from robusthash.host import PluginHost, PluginKind, Registered, require_owners
from robusthash.specs import NAMED_WEIGHTS


def check_early(request: Request, host: PluginHost, *, own_bits: bool = False) -> None:
    """Checks all of a request that can be checked in a moment. Whoever evaluates it checks the rest.

    Args:
        request: the request; objects in it are not checked.
        host: the plugins.
        own_bits: whether a checkpoint has its own code length, whatever is requested.

    Raises:
        UsageError: a name is unknown, or an option is of no plugin in use.
        InputError: a model's file cannot be read.
        CheckpointError: a file of weights cannot be read, or is of another model.
    """
    setting = request.setting
    named: list[tuple[PluginKind, object]] = [
        *((PluginKind.MODEL, registered_name(model)) for model in request.everyone),
        *((PluginKind.ATTACK, attack) for attack in request.attacks or () if isinstance(attack, str)),
        *((PluginKind.DEFENSE, None if defense == NO_DEFENSE else defense) for defense in request.defenses),
        (PluginKind.DATASET, setting.dataset),
        (PluginKind.BACKBONE, setting.backbone),
    ]
    for attack in request.attacks or ():
        if isinstance(attack, FittedAttack):
            _check_fitted(attack, request, host)
    used = [*_found(host, named), *check_scoring(setting, host)]
    # An attack may be a member of another one, which is known only once that has been imported; executors are chosen
    # beside the request, and backbones by the data and by other options.
    maybe = [one for kind in (PluginKind.BACKBONE, PluginKind.ATTACK, PluginKind.EXECUTOR) for one in host.all(kind)]
    require_owners(setting.options, [*used, *maybe], others=[TRAIN])
    for model in request.everyone:
        _check_file(model)
    if setting.weights not in NAMED_WEIGHTS:
        read_metadata(Path(setting.weights))
    if setting.checkpoint is not None:
        _check_checkpoint(request, setting.checkpoint, own_bits=own_bits)


def check_scoring(setting: RunSettings, host: PluginHost) -> list[Registered]:
    """Looks up the metrics and the retriever of a setting.

    Args:
        setting: the setting.
        host: the plugins.

    Returns:
        Both; for an automatic retriever, all of them.

    Raises:
        UsageError: a name is unknown.
    """
    named: list[tuple[PluginKind, object]] = [(PluginKind.METRIC, metric) for metric in setting.metrics]
    if setting.retriever != AUTO:
        return _found(host, [*named, (PluginKind.RETRIEVER, setting.retriever)])
    return [*_found(host, named), *host.all(PluginKind.RETRIEVER)]


def require_described(description: Description, path: Path, *, model: str, bits: int | None) -> None:
    """Refuses a checkpoint of another model.

    Args:
        description: of the checkpoint.
        path: of the checkpoint, for the error.
        model: registered name of the model that is asked for.
        bits: its code length; None is any.

    Raises:
        CheckpointError: it is of another model, or has another code length.
    """
    wanted = {"model": model, "bits": description.bits if bits is None else bits}
    for what, found in (("model", description.model.name), ("bits", description.bits)):
        if found != wanted[what]:
            raise CheckpointError(f"{path} has {what} {found}, not {wanted[what]}", hint=f"choose {what} {found}")


def _found(host: PluginHost, named: list[tuple[PluginKind, object]]) -> list[Registered]:
    return [host.find(kind, name) for kind, name in named if isinstance(name, str)]


def _check_fitted(file: FittedAttack, request: Request, host: PluginHost) -> None:
    """Refuses a fitted attack that is not installed, or is for none of the radii.

    Raises:
        UnknownNameError: no plugin registers the attack.
        OptionError: it was fitted for another radius.
    """
    fitting = file.fitting
    if file.attack is None:
        host.find(PluginKind.ATTACK, file.full_name, where=str(file.path))
    # The dataset's own radius in a norm is not known yet: the plan has no cell for a file that was fitted for another.
    asked = [Radius(size=one) if isinstance(one, int | float) else one for one in request.epsilons]
    if fitting.bounded and asked and not {fitting.radius, fitting.norm} & set(asked):
        told = ", ".join(one.text if isinstance(one, Radius) else one for one in asked)
        raise OptionError(
            f"{file.path} was fitted for {fitting.radius.told}, and the run has {told}",
            hint=f"--epsilon {fitting.radius.text}, or fit the attack again for the other radius",
        )


def _check_file(model: object) -> None:
    if not isinstance(model, str):
        return
    own, stored = user_path(model), checkpoint_path(model)
    if own is not None:
        require_file(own, "model", hint="check the path in --model path/to/file.py:build")
    if stored is not None:
        read_description(stored)


def _check_checkpoint(request: Request, path: Path, *, own_bits: bool) -> None:
    registered = [name for model in request.everyone if (name := registered_name(model))]
    if not registered:
        read_metadata(path)  # weights of a network of the user's own have no description
        return
    description = read_description(path)
    for name in registered:
        for bits in request.bits:
            require_described(description, path, model=name, bits=None if own_bits else bits)
