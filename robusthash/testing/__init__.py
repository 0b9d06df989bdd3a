"""Contract tests and toy victims for plugin authors. Importing it needs pytest, which the core does not depend on."""

from robusthash.testing.attacks import AttackContract
from robusthash.testing.datasets import DatasetContract
from robusthash.testing.metrics import RankingMetricContract
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
    "RankingMetricContract",
    "ReadyModelContract",
    "RetrieverContract",
    "SmallVictim",
    "toy_batch",
    "toy_context",
    "toy_images",
    "toy_oracle",
]
