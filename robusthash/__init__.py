"""Measures how robust deep-hashing image retrieval is against adversarial attack.

Names are imported on first use: importing robusthash imports neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from robusthash.hookspecs import hookimpl
from robusthash.version import __version__

if TYPE_CHECKING:
    from robusthash import metrics
    from robusthash.api import Checkpoint, attack, evaluate, harden, train, wrap
    from robusthash.results import Results, load_results

__all__ = [
    "Checkpoint",
    "Results",
    "__version__",
    "attack",
    "evaluate",
    "harden",
    "hookimpl",
    "load_results",
    "metrics",
    "train",
    "wrap",
]

_HOMES = {
    **dict.fromkeys(("Checkpoint", "attack", "evaluate", "harden", "train", "wrap"), "robusthash.api"),
    **dict.fromkeys(("Results", "load_results"), "robusthash.results"),
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("robusthash.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
