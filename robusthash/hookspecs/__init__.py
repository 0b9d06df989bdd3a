"""The whole extension surface.

A plugin is a module named by an entry point of the group ``robusthash``. It implements any of these hooks with
``@robusthash.hookimpl``. Each yields frozen specs, which name a class without importing it: the module of a class is
imported when one of its specs is used.
"""

from robusthash.hookspecs.markers import hookimpl
from robusthash.hookspecs.observers import (
    robusthash_cell_failed,
    robusthash_cell_finished,
    robusthash_epoch_finished,
    robusthash_run_finished,
    robusthash_run_started,
)
from robusthash.hookspecs.offers import (
    robusthash_attacks,
    robusthash_backbones,
    robusthash_datasets,
    robusthash_defenses,
    robusthash_executors,
    robusthash_metrics,
    robusthash_models,
    robusthash_retrievers,
)

__all__ = [
    "hookimpl",
    "robusthash_attacks",
    "robusthash_backbones",
    "robusthash_cell_failed",
    "robusthash_cell_finished",
    "robusthash_datasets",
    "robusthash_defenses",
    "robusthash_epoch_finished",
    "robusthash_executors",
    "robusthash_metrics",
    "robusthash_models",
    "robusthash_retrievers",
    "robusthash_run_finished",
    "robusthash_run_started",
]
