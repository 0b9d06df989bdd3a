"""Requests to train or harden a model, or to fit an attack on it: grids of one cell. Importable without torch."""

from robusthash.epsilon import Radius
from robusthash.errors import UsageError
from robusthash.evaluation.planning.names import AnyAttack, AnyDefense, AnyModel, registered_name, user_path
from robusthash.evaluation.planning.request import NO_DEFENSE, Request, RunSettings
from robusthash.specs import Direction, Norm


def training_request(model: str, bits: int, setting: RunSettings) -> Request:
    """A request to train a model.

    Args:
        model: registered name.
        bits: code length.
        setting: dataset, backbone, options.

    Raises:
        UsageError: the model is a file, or has trained weights already.
    """
    if registered_name(model) is None:
        raise UsageError(f"{model} is a file, and only registered models are trained", hint="robusthash plugins list")
    if setting.checkpoint is not None:
        raise UsageError(
            f"checkpoint {setting.checkpoint} holds trained weights, and training makes new ones",
            hint="omit it; --weights FILE starts from weights of the backbone, robusthash harden from a trained model",
        )
    return Request(models=(model,), attacks=(), bits=(bits,), setting=setting)


def hardening_request(defense: AnyDefense, model: str, bits: int, setting: RunSettings) -> Request:
    """A request to harden a model.

    Args:
        defense: registered name, or the defense itself.
        model: registered name, or a checkpoint's path.
        bits: code length; a checkpoint has its own.
        setting: dataset, backbone, options.

    Raises:
        UsageError: the model is built by the user.
    """
    if user_path(model) is not None:
        raise UsageError(
            f"{model} is a model of your own, and a checkpoint cannot describe how to build it",
            hint=f"robusthash eval --model {model} --defense ..., which stores the result in the cache",
        )
    return Request(models=(model,), attacks=(), bits=(bits,), defenses=(defense,), setting=setting)


def fitting_request(
    attack: AnyAttack,
    model: AnyModel,
    bits: int,
    setting: RunSettings,
    *,
    defense: AnyDefense = NO_DEFENSE,
    epsilon: Radius | Norm | None = None,
    direction: Direction | None = None,
) -> Request:
    """A request to let an attack learn on a model.

    Args:
        attack: registered name, or the attack itself.
        model: as ``--model`` takes it.
        bits: code length.
        setting: dataset, backbone, options.
        defense: of the model.
        epsilon: radius, or the norm of the dataset's own; None is that in L-infinity.
        direction: what searches for what; None is the dataset's first.
    """
    return Request(
        models=(model,),
        attacks=(attack,),
        bits=(bits,),
        defenses=(defense,),
        epsilons=() if epsilon is None else (epsilon,),
        directions=() if direction is None else (direction,),
        setting=setting,
    )
