"""Evaluations: cells are planned, run in shards, and stored as records."""

from robusthash.evaluation.planning.plan import Cell, VictimPlan
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.evaluation.planning.suite import parse_choice, read_suite
from robusthash.evaluation.running.executors import Local, Processes, choose_executor
from robusthash.evaluation.running.outcome import Failure, RunOutcome
from robusthash.evaluation.running.run import evaluate
from robusthash.evaluation.tasks.attack import attack_images
from robusthash.evaluation.tasks.gallery import Picture
from robusthash.evaluation.tasks.harden import harden_victim
from robusthash.evaluation.tasks.rescore import rescore
from robusthash.evaluation.tasks.train import train_victim

__all__ = [
    "Cell",
    "Failure",
    "Local",
    "Picture",
    "Processes",
    "Request",
    "RunOutcome",
    "RunSettings",
    "VictimPlan",
    "attack_images",
    "choose_executor",
    "evaluate",
    "harden_victim",
    "parse_choice",
    "read_suite",
    "rescore",
    "train_victim",
]
