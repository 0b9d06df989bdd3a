"""Evaluations: a plan of cells, run in shards, stored as records."""

from robusthash.evaluation.commands import attack_images, train_victim
from robusthash.evaluation.gallery import Picture
from robusthash.evaluation.plan import Cell, VictimPlan, plan
from robusthash.evaluation.request import Request, Setting, read_suite
from robusthash.evaluation.run import Failure, Outcome, evaluate

__all__ = [
    "Cell",
    "Failure",
    "Outcome",
    "Picture",
    "Request",
    "Setting",
    "VictimPlan",
    "attack_images",
    "evaluate",
    "plan",
    "read_suite",
    "train_victim",
]
