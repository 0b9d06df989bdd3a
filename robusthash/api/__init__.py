"""The Python API: wrap a network, attack images, fit attacks, evaluate, train, harden and certify models."""

from robusthash.api.attacking import BoundAttack, attack
from robusthash.api.certifying import certify
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.data import load_dataset
from robusthash.api.evaluating import Evaluation, evaluate
from robusthash.api.explaining import grad_cam
from robusthash.api.finding import hash, search  # noqa: A004 - named as the commands are
from robusthash.api.fitting import fit
from robusthash.api.merging import Merging, merge
from robusthash.api.outcome import AttackOutcome
from robusthash.api.reproducing import reproduce
from robusthash.api.training import harden, train
from robusthash.api.wrapping import wrap
from robusthash.evaluation.finding.found import Found
from robusthash.evaluation.finding.hashed import Hashed
from robusthash.evaluation.planning.fitted import FittedAttack

__all__ = [
    "AttackOutcome",
    "BoundAttack",
    "Checkpoint",
    "Evaluation",
    "FittedAttack",
    "Found",
    "Hashed",
    "Merging",
    "attack",
    "certify",
    "evaluate",
    "fit",
    "grad_cam",
    "harden",
    "hash",
    "load_dataset",
    "merge",
    "reproduce",
    "search",
    "train",
    "wrap",
]
