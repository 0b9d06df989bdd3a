"""The whole extension surface.

A plugin is a module named by an entry point of the group ``robusthash``. It implements any of these hooks with
``@robusthash.hookimpl``. Each yields frozen specs, which name a class without importing it: the module of a class is
imported when one of its specs is used.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

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
    from robusthash.events import CellInfo, EpochInfo, ErrorInfo, RunEnd, RunInfo
    from robusthash.results import Record

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

hookspec = pluggy.HookspecMarker("robusthash")
hookimpl = pluggy.HookimplMarker("robusthash")


@hookspec
def robusthash_models() -> Iterable[ModelSpec]:
    """Yields hash models and the objectives that train them, one spec per published preset.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import ModelSpec


        @hookimpl
        def robusthash_models():
            yield ModelSpec(
                name="my-loss",
                factory="my_package.loss:MyLoss",
                summary="Pairwise loss with a margin",
                options={"margin": 2.0},
                recipe={"epochs": 30, "lr": 0.001},
            )
    """
    return ()


@hookspec
def robusthash_backbones() -> Iterable[BackboneSpec]:
    """Yields feature networks, which get a hash layer on top.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import BackboneSpec


        @hookimpl
        def robusthash_backbones():
            yield BackboneSpec(
                name="my-network",
                factory="my_package.network:MyNetwork",
                summary="Five convolutions, 256 features",
            )
    """
    return ()


@hookspec
def robusthash_attacks() -> Iterable[AttackSpec]:
    """Yields attacks on the queries.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import AttackSpec, Capability, Goal


        @hookimpl
        def robusthash_attacks():
            yield AttackSpec(
                name="my-attack",
                factory="my_package.attack:MyAttack",
                summary="Margin hinge on the logits, away from the query's own code",
                goals=frozenset({Goal.UNTARGETED}),
                needs=frozenset({Capability.GRADIENTS}),
            )
    """
    return ()


@hookspec
def robusthash_defenses() -> Iterable[DefenseSpec]:
    """Yields defenses, which harden or wrap a trained model.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import DefenseSpec


        @hookimpl
        def robusthash_defenses():
            yield DefenseSpec(
                name="my-blur",
                factory="my_package.blur:MyBlur",
                summary="Blurs the inputs, with the gradient of the identity",
            )
    """
    return ()


@hookspec
def robusthash_retrievers() -> Iterable[RetrieverSpec]:
    """Yields exact and approximate searches.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import Exactness, RetrieverSpec


        @hookimpl
        def robusthash_retrievers():
            yield RetrieverSpec(
                name="my-index",
                factory="my_package.index:MyIndex",
                summary="Inverted lists over substrings of the code",
                exactness=Exactness.APPROXIMATE,
            )
    """
    return ()


@hookspec
def robusthash_datasets() -> Iterable[DatasetSpec]:
    """Yields datasets: images, labels and splits.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import DatasetSpec


        @hookimpl
        def robusthash_datasets():
            yield DatasetSpec(
                name="my-photographs",
                factory="my_package.photographs:MyPhotographs",
                summary="20,000 photographs with 12 labels: 1,000 queries, 19,000 in the database",
            )
    """
    return ()


@hookspec
def robusthash_metrics() -> Iterable[MetricSpec]:
    """Yields ranking metrics, each with a named protocol.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import MetricSpec


        @hookimpl
        def robusthash_metrics():
            yield MetricSpec(
                name="map@500",
                factory="robusthash.metrics:MeanAveragePrecision",
                summary="MAP of the first 500 ranks, divided by min(500, R)",
                options={"k": 500},
            )
    """
    return ()


@hookspec
def robusthash_executors() -> Iterable[ExecutorSpec]:
    """Yields executors, which run the shards of an evaluation in processes or on other machines.

    Example::

        from robusthash import hookimpl
        from robusthash.specs import ExecutorSpec


        @hookimpl
        def robusthash_executors():
            yield ExecutorSpec(
                name="my-cluster",
                factory="my_package.cluster:MyCluster",
                summary="Runs shards as jobs on a cluster",
            )
    """
    return ()


@hookspec
def robusthash_run_started(cells: int, settings: "RunInfo") -> None:
    """Observes the start of an evaluation: the number of its cells, and the whole request.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_run_started(cells, settings):
            logging.getLogger("my_package").info("%d cells on %s", cells, settings.dataset)
    """


@hookspec
def robusthash_epoch_finished(epoch: "EpochInfo") -> None:
    """Observes each epoch of a training: of a model, of a defense, or of an attack. What is cached is not trained.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_epoch_finished(epoch):
            logging.getLogger("my_package").info("%s, epoch %d: %.2f", epoch.training, epoch.epoch, epoch.loss)
    """


@hookspec
def robusthash_cell_finished(record: "Record", reused: bool) -> None:
    """Observes each cell that has a record, new or stored before, in the order in which they are finished.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_cell_finished(record, reused):
            state = "stored before" if reused else "new"
            logging.getLogger("my_package").info("%s on %s: %s", record.attack.name, record.victim.model.name, state)
    """


@hookspec
def robusthash_cell_failed(cell: "CellInfo", owner: str, error: "ErrorInfo") -> None:
    """Observes each cell that could not be evaluated: whose fault it is (distribution and version), and what it was.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_cell_failed(cell, owner, error):
            logging.getLogger("my_package").warning("%s on %s: %s", cell.attack, cell.model, error.message)
    """


@hookspec
def robusthash_run_finished(records: "tuple[Record, ...]", seconds: float, end: "RunEnd") -> None:
    """Observes the end of each evaluation that has started, however it ends: its records, its duration, and how.

    Example::

        import logging

        from robusthash import hookimpl


        @hookimpl
        def robusthash_run_finished(records, seconds, end):
            logging.getLogger("my_package").info("%s: %d records in %.0f s", end.how, len(records), seconds)
    """
