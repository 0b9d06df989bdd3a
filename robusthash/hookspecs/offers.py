"""Hooks by which a plugin offers objects: each yields specs."""

from collections.abc import Iterable

from robusthash.hookspecs.markers import hookspec
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
