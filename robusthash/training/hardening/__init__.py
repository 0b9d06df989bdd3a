"""Adversarial training, and the context of a defense that trains."""

from robusthash.training.hardening.banks import Banks, Scene
from robusthash.training.hardening.context import defense_context
from robusthash.training.hardening.first_codes import Banking
from robusthash.training.hardening.further import FurtherTraining
from robusthash.training.hardening.inner_attack import InnerAttack
from robusthash.training.hardening.method import AdversarialTraining
from robusthash.training.hardening.outputs import Outputs, divergence
from robusthash.training.hardening.ruin import refuse_ruined
from robusthash.training.hardening.step import AdversarialStep

__all__ = [
    "AdversarialStep",
    "AdversarialTraining",
    "Banking",
    "Banks",
    "FurtherTraining",
    "InnerAttack",
    "Outputs",
    "Scene",
    "defense_context",
    "divergence",
    "refuse_ruined",
]
