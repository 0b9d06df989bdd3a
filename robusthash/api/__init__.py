"""The Python API: wrap a network, attack images, evaluate, train and harden models."""

from robusthash.api.attacking import BoundAttack, attack
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.data import load_dataset
from robusthash.api.evaluating import Evaluation, evaluate
from robusthash.api.outcome import AttackOutcome
from robusthash.api.training import harden, train
from robusthash.api.wrapping import wrap

__all__ = [
    "AttackOutcome",
    "BoundAttack",
    "Checkpoint",
    "Evaluation",
    "attack",
    "evaluate",
    "harden",
    "load_dataset",
    "train",
    "wrap",
]
