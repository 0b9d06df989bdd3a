"""Measures how robust deep-hashing image retrieval is against adversarial attack.

Names are imported on first use: importing robusthash imports neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from robusthash.hookspecs import hookimpl
from robusthash.version import __version__

if TYPE_CHECKING:
    from robusthash import contracts, errors, metrics, results
    from robusthash.api import (
        Checkpoint,
        FittedAttack,
        Found,
        Hashed,
        attack,
        certify,
        evaluate,
        fit,
        grad_cam,
        harden,
        hash,  # noqa: A004 - named as the command is
        load_dataset,
        merge,
        reproduce,
        search,
        train,
        wrap,
    )
    from robusthash.results import Results, load_results
    from robusthash.results.report import report

__all__ = [
    "Checkpoint",
    "FittedAttack",
    "Found",
    "Hashed",
    "Results",
    "__version__",
    "attack",
    "certify",
    "contracts",
    "errors",
    "evaluate",
    "fit",
    "grad_cam",
    "harden",
    "hash",
    "hookimpl",
    "load_dataset",
    "load_results",
    "merge",
    "metrics",
    "report",
    "reproduce",
    "results",
    "search",
    "train",
    "wrap",
]

_PACKAGES = ("contracts", "errors", "metrics", "results")
_HOMES = {
    **dict.fromkeys(
        ("Checkpoint", "FittedAttack", "attack", "certify", "evaluate", "fit", "grad_cam"), "robusthash.api"
    ),
    **dict.fromkeys(("Found", "Hashed", "hash", "reproduce", "search"), "robusthash.api"),
    **dict.fromkeys(("harden", "load_dataset", "merge", "train", "wrap"), "robusthash.api"),
    **dict.fromkeys(("Results", "load_results"), "robusthash.results"),
    "report": "robusthash.results.report",
}


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"robusthash.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
