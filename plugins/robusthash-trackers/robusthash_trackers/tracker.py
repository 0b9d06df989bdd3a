"""What a tracker is: numbers by step, notes, and an end. Each library has a module of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from robusthash.errors import MissingDependencyError

_LIBRARIES = {"mlflow": "mlflow", "wandb": "wandb", "tensorboard": "tensorboard"}
_PACKAGES = {"mlflow": "mlflow-skinny", "wandb": "wandb", "tensorboard": "tensorboard"}
_CLASSES = {
    "mlflow": "robusthash_trackers.to_mlflow:MLflow",
    "wandb": "robusthash_trackers.to_wandb:WandB",
    "tensorboard": "robusthash_trackers.to_tensorboard:TensorBoard",
}


class Tracker(ABC):
    """One run in a tracker of experiments.

    Args:
        name: of the run.
        settings: of the run, as plain values.
    """

    @abstractmethod
    def __init__(self, name: str, settings: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def add(self, values: Mapping[str, float], *, step: int) -> None:
        """Adds numbers at a step."""

    @abstractmethod
    def note(self, name: str, text: str) -> None:
        """Adds a text."""

    @abstractmethod
    def close(self, *, complete: bool) -> None:
        """Ends the run.

        Args:
            complete: whether every cell has a record.
        """


def tracker(name: str, run: str, settings: Mapping[str, Any]) -> Tracker:
    """Opens a run in a tracker.

    Args:
        name: of the tracker.
        run: name of the run.
        settings: of the run.

    Raises:
        MissingDependencyError: its library is not installed.
    """
    try:
        import_module(_LIBRARIES[name])
    except ImportError as error:
        raise MissingDependencyError(
            f"the tracker {name} needs {_PACKAGES[name]}: {error}", hint=f"pip install {_PACKAGES[name]}"
        ) from error
    module, _, cls = _CLASSES[name].partition(":")
    made: Tracker = getattr(import_module(module), cls)(run, settings)
    return made


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Settings as texts by dotted names, for trackers that take no nested values; what is not set is left out.

    >>> flat({"seed": 0, "options": {"rnm": {"steps": 5}}, "bits": [32, 64], "backbone": None})
    {'seed': '0', 'options.rnm.steps': '5', 'bits': '32, 64'}
    """
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif value is not None and value != []:
            found[f"{before}{name}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found
