"""Evaluations: a plan of cells, run in shards, stored as records."""

from robusthash.evaluation.planning.plan import Cell, VictimPlan, plan
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.planning.suite import parse_precision, read_suite
from robusthash.evaluation.running.run import Failure, Outcome, evaluate
from robusthash.evaluation.tasks.commands import attack_images, train_victim
from robusthash.evaluation.tasks.gallery import Picture
from robusthash.evaluation.tasks.rescore import rescore

__all__ = [
    "Cell",
    "Failure",
    "Outcome",
    "Picture",
    "Request",
    "RunSettings",
    "VictimPlan",
    "attack_images",
    "evaluate",
    "parse_precision",
    "plan",
    "read_suite",
    "rescore",
    "train_victim",
]
