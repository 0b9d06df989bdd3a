"""Evaluations: a plan of cells, run in shards, stored as records."""

from robusthash.evaluation.commands import attack_images, train_victim
from robusthash.evaluation.gallery import Picture
from robusthash.evaluation.plan import Cell, VictimPlan, plan
from robusthash.evaluation.request import Request, Setting
from robusthash.evaluation.rescoring import rescore
from robusthash.evaluation.run import Failure, Outcome, evaluate
from robusthash.evaluation.suite import parse_precision, read_suite

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
    "parse_precision",
    "plan",
    "read_suite",
    "rescore",
    "train_victim",
]
