"""Contract tests, toy victims and a linter of imports, for plugin authors.

Names are imported on first use: contract tests need pytest, which the core does not depend on, and the linter does not.
Pytest rewrites their assertions, so that a failure shows the values that it compared.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from robusthash.deprecation import deprecated

if TYPE_CHECKING:
    from robusthash.testing.contracts.attacks import AttackContract, EnsembleContract, GradientAttackContract
    from robusthash.testing.contracts.datasets import DatasetContract
    from robusthash.testing.contracts.defenses import DefenseContract, toy_defense_context
    from robusthash.testing.contracts.executors import ExecutorContract, Reversed
    from robusthash.testing.contracts.metrics import MetricContract
    from robusthash.testing.contracts.models import (
        BackboneContract,
        ClosedFormContract,
        CrossModalObjectiveContract,
        DescriptorContract,
        HashContract,
        ModelContract,
        ObjectiveContract,
        ReadyModelContract,
        TextBackboneContract,
        TowersContract,
    )
    from robusthash.testing.contracts.objects import PluginObjectContract
    from robusthash.testing.contracts.observers import ObserverContract, watch
    from robusthash.testing.contracts.retrievers import RetrieverContract
    from robusthash.testing.contracts.towers import TowersDefenseContract
    from robusthash.testing.imports import Fault, check_imports
    from robusthash.testing.records import make_record
    from robusthash.testing.victims import (
        DescriptorVictim,
        LinearVictim,
        SmallVictim,
        TextVictim,
        toy_batch,
        toy_context,
        toy_images,
        toy_inputs,
        toy_learning,
        toy_oracle,
    )

__all__ = [
    "AttackContract",
    "BackboneContract",
    "ClosedFormContract",
    "CrossModalObjectiveContract",
    "DatasetContract",
    "DefenseContract",
    "DescriptorContract",
    "DescriptorVictim",
    "EnsembleContract",
    "ExecutorContract",
    "Fault",
    "GradientAttackContract",
    "HashContract",
    "LinearVictim",
    "MetricContract",
    "ModelContract",
    "ObjectiveContract",
    "ObserverContract",
    "PluginObjectContract",
    "ReadyModelContract",
    "RetrieverContract",
    "Reversed",
    "SmallVictim",
    "TextBackboneContract",
    "TextVictim",
    "TowersContract",
    "TowersDefenseContract",
    "check_imports",
    "make_record",
    "toy_batch",
    "toy_context",
    "toy_defense_context",
    "toy_images",
    "toy_inputs",
    "toy_learning",
    "toy_oracle",
    "watch",
]

_MODULES = {
    "contracts.attacks": ("AttackContract", "EnsembleContract", "GradientAttackContract"),
    "contracts.datasets": ("DatasetContract",),
    "contracts.defenses": ("DefenseContract", "toy_defense_context"),
    "contracts.executors": ("ExecutorContract", "Reversed"),
    "contracts.metrics": ("MetricContract",),
    "contracts.models": (
        "BackboneContract",
        "ClosedFormContract",
        "CrossModalObjectiveContract",
        "DescriptorContract",
        "HashContract",
        "ModelContract",
        "ObjectiveContract",
        "ReadyModelContract",
        "TextBackboneContract",
        "TowersContract",
    ),
    "contracts.objects": ("PluginObjectContract",),
    "contracts.observers": ("ObserverContract", "watch"),
    "contracts.retrievers": ("RetrieverContract",),
    "contracts.towers": ("TowersDefenseContract",),
    "imports": ("Fault", "check_imports"),
    "records": ("make_record",),
    "victims": (
        "DescriptorVictim",
        "LinearVictim",
        "SmallVictim",
        "TextVictim",
        "toy_batch",
        "toy_context",
        "toy_images",
        "toy_inputs",
        "toy_learning",
        "toy_oracle",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_RENAMED = {"RankingMetricContract": "MetricContract"}  #: old names, until the version in `__getattr__`


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        deprecated(f"{__name__}.{name}", removed_in="0.2", instead=f"{__name__}.{_RENAMED[name]}")
        name = _RENAMED[name]
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name].startswith("contracts.") and f"{__name__}.contracts" not in sys.modules:
        import_module("pytest").register_assert_rewrite(f"{__name__}.contracts")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
