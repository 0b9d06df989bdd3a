"""The gradient engine, its starts, step rules, aims, targets, and the probe of a victim."""

from robusthash.adversary.aimed import Aimed
from robusthash.adversary.aims import Aim, find_aim
from robusthash.adversary.annealing import Scale, Slope, Sloped, annealed_scale, relaxed
from robusthash.adversary.descent import DescentAttack
from robusthash.adversary.engine import Descent, Schedule, descend
from robusthash.adversary.gradient import GradientAttack
from robusthash.adversary.nearness import distance_to
from robusthash.adversary.objective import Objective, Towards
from robusthash.adversary.probe import VictimProbe, probe
from robusthash.adversary.smoothing import Smoother, Smoothing
from robusthash.adversary.starts import Start
from robusthash.adversary.steps import Step, step_rule
from robusthash.adversary.targets import Targets, TargetSelector, anchor_codes

__all__ = [
    "Aim",
    "Aimed",
    "Descent",
    "DescentAttack",
    "GradientAttack",
    "Objective",
    "Scale",
    "Schedule",
    "Slope",
    "Sloped",
    "Smoother",
    "Smoothing",
    "Start",
    "Step",
    "TargetSelector",
    "Targets",
    "Towards",
    "VictimProbe",
    "anchor_codes",
    "annealed_scale",
    "descend",
    "distance_to",
    "find_aim",
    "probe",
    "relaxed",
    "step_rule",
]
