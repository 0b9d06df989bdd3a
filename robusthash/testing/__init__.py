"""Contract tests, toy victims and a linter of imports, for plugin authors.

Names are imported on first use: contract tests need pytest, which the core does not depend on, and the linter does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robusthash.testing.attacks import AttackContract
    from robusthash.testing.datasets import DatasetContract
    from robusthash.testing.executors import ExecutorContract, Reversed
    from robusthash.testing.imports import Fault, check_imports
    from robusthash.testing.metrics import RankingMetricContract
    from robusthash.testing.models import (
        ClosedFormContract,
        HashContract,
        ModelContract,
        ObjectiveContract,
        ReadyModelContract,
    )
    from robusthash.testing.retrievers import RetrieverContract
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
    "ClosedFormContract",
    "DatasetContract",
    "DescriptorVictim",
    "ExecutorContract",
    "Fault",
    "HashContract",
    "LinearVictim",
    "ModelContract",
    "ObjectiveContract",
    "RankingMetricContract",
    "ReadyModelContract",
    "RetrieverContract",
    "Reversed",
    "SmallVictim",
    "TextVictim",
    "check_imports",
    "toy_batch",
    "toy_context",
    "toy_images",
    "toy_inputs",
    "toy_learning",
    "toy_oracle",
]

_MODULES = {
    "attacks": ("AttackContract",),
    "datasets": ("DatasetContract",),
    "executors": ("ExecutorContract", "Reversed"),
    "imports": ("Fault", "check_imports"),
    "metrics": ("RankingMetricContract",),
    "models": ("ClosedFormContract", "HashContract", "ModelContract", "ObjectiveContract", "ReadyModelContract"),
    "retrievers": ("RetrieverContract",),
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
