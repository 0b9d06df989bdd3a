"""Requests to train or to harden a model: a grid of one model and no attack. Importable without torch."""

from robusthash.errors import UsageError
from robusthash.evaluation.planning.names import AnyDefense, registered_name, user_path
from robusthash.evaluation.planning.request import Request, RunSettings


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
