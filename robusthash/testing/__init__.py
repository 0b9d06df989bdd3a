"""Contract tests and toy victims for plugin authors. They need pytest, which is not a dependency of the core."""

from robusthash.testing.attacks import AttackContract
from robusthash.testing.datasets import DatasetContract
from robusthash.testing.models import (
    ClosedFormContract,
    HashContract,
    ModelContract,
    ObjectiveContract,
    ReadyModelContract,
)
from robusthash.testing.retrievers import RetrieverContract
from robusthash.testing.victims import LinearVictim, SmallVictim, toy_batch, toy_context, toy_images, toy_oracle

__all__ = [
    "AttackContract",
    "ClosedFormContract",
    "DatasetContract",
    "HashContract",
    "LinearVictim",
    "ModelContract",
    "ObjectiveContract",
    "ReadyModelContract",
    "RetrieverContract",
    "SmallVictim",
    "toy_batch",
    "toy_context",
    "toy_images",
    "toy_oracle",
]
