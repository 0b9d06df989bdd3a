"""What a notebook types: wrap a network, attack images, evaluate, train and harden."""

from robusthash.api.attacking import AttackOutcome, BoundAttack, attack
from robusthash.api.evaluating import Evaluation, evaluate
from robusthash.api.models import Checkpoint, harden, train, wrap

__all__ = [
    "AttackOutcome",
    "BoundAttack",
    "Checkpoint",
    "Evaluation",
    "attack",
    "evaluate",
    "harden",
    "train",
    "wrap",
]
