"""The whole extension surface.

A plugin is a module named by an entry point of the group ``robusthash``. It implements any of these hooks with
``@robusthash.hookimpl``; each yields frozen specs, and nothing heavy is imported until one of them is used.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

from robusthash.specs import (
    AttackSpec,
    BackboneSpec,
    DatasetSpec,
    DefenseSpec,
    ExecutorSpec,
    MetricSpec,
    ModelSpec,
    RetrieverSpec,
)

if TYPE_CHECKING:
    from robusthash.results import Record

__all__ = [
    "hookimpl",
    "robusthash_attacks",
    "robusthash_backbones",
    "robusthash_cell_finished",
    "robusthash_datasets",
    "robusthash_defenses",
    "robusthash_metrics",
    "robusthash_models",
    "robusthash_retrievers",
    "robusthash_run_finished",
    "robusthash_run_started",
]

hookspec = pluggy.HookspecMarker("robusthash")
hookimpl = pluggy.HookimplMarker("robusthash")


@hookspec
def robusthash_models() -> Iterable[ModelSpec]:
    """Hash models and ways to train them, one spec for each published preset."""
    return ()


@hookspec
def robusthash_backbones() -> Iterable[BackboneSpec]:
    """Feature networks that a hash layer is put on."""
    return ()


@hookspec
def robusthash_attacks() -> Iterable[AttackSpec]:
    """Attacks on the queries."""
    return ()


@hookspec
def robusthash_defenses() -> Iterable[DefenseSpec]:
    """Ways to harden a trained hash model, or to wrap it."""
    return ()


@hookspec
def robusthash_retrievers() -> Iterable[RetrieverSpec]:
    """Exact or approximate searches."""
    return ()


@hookspec
def robusthash_datasets() -> Iterable[DatasetSpec]:
    """Images, labels and splits."""
    return ()


@hookspec
def robusthash_metrics() -> Iterable[MetricSpec]:
    """Ranking metrics, each a named protocol."""
    return ()


@hookspec
def robusthash_executors() -> Iterable[ExecutorSpec]:
    """Places where the shards of an evaluation are run: processes, other machines."""
    return ()


@hookspec
def robusthash_run_started(cells: int, settings: dict[str, Any]) -> None:
    """Observes the start of an evaluation of so many cells; ``settings`` is what the user asked for."""


@hookspec
def robusthash_cell_finished(record: "Record") -> None:
    """Observes each record as it is stored."""


@hookspec
def robusthash_run_finished(records: "list[Record]", seconds: float) -> None:
    """Observes the end of an evaluation."""
