"""The interfaces that plugins implement, and the objects that they are passed."""

from robusthash.contracts.attacking.access import Budget, CodeBank, Oracle, Surrogate
from robusthash.contracts.attacking.attack import Adversarial, Attack, AttackBatch, AttackContext
from robusthash.contracts.attacking.ensemble import Ensemble
from robusthash.contracts.attacking.learning import LearningContext
from robusthash.contracts.attacking.moves import Moves
from robusthash.contracts.attacking.spelling import misspelt
from robusthash.contracts.attacking.threat import Threat
from robusthash.contracts.data.dataset import Dataset, DatasetContext, RetrievalData, Split
from robusthash.contracts.data.files import FileImages
from robusthash.contracts.data.findings import Finding, Findings
from robusthash.contracts.data.inputs import ArrayImages, ArrayTexts, Images, Inputs, read_inputs, read_pixels
from robusthash.contracts.data.naming import SplitNames
from robusthash.contracts.defending.context import DefenseContext, Trainer
from robusthash.contracts.defending.defense import Defense, TrainedDefense, TrainedWrapper
from robusthash.contracts.executor import (
    Executor,
    FinishedShard,
    Running,
    ShardTask,
    Work,
    Workplace,
    in_use,
    run_tasks,
)
from robusthash.contracts.modality import IMAGE, PIXELS, TEXT, Box, Modality
from robusthash.contracts.models.closed_form import ClosedForm, HashLayer, TrainFeatures
from robusthash.contracts.models.crossmodal import CrossModalObjective, PairedBatch, TowerBatch
from robusthash.contracts.models.descriptor import Descriptor
from robusthash.contracts.models.model import (
    Backbone,
    HashModel,
    ModelWrapper,
    checked_outputs,
    evaluating,
    represented,
)
from robusthash.contracts.models.objective import Objective, Pairs, TrainStep
from robusthash.contracts.models.ready_model import ReadyModel
from robusthash.contracts.models.smoothed import SmoothedModel
from robusthash.contracts.models.text import TextBackbone
from robusthash.contracts.models.towers import CrossModalHashModel, tower_of, towers_of
from robusthash.contracts.progress import EpochWatch, Progress, silent, unwatched
from robusthash.contracts.randomness import Draws, Randomness, isolated_randomness, seeded
from robusthash.contracts.retriever import Ball, Index, Neighbours, Retriever, RetrieverCapabilities
from robusthash.contracts.space import Space
from robusthash.contracts.team import ALONE, Team
from robusthash.contracts.training.loss import LossStep, TrainBatch
from robusthash.contracts.training.recipe import OptimizerName, Recipe, Schedule
from robusthash.contracts.training.report import TrainingReport, TrainProbe
from robusthash.epsilon import Radius, format_epsilon, parse_epsilon, parse_radius
from robusthash.files.snapshots import Snapshot, Snapshots
from robusthash.specs import Distance, Norm, Precision

__all__ = [
    "ALONE",
    "IMAGE",
    "PIXELS",
    "TEXT",
    "Adversarial",
    "ArrayImages",
    "ArrayTexts",
    "Attack",
    "AttackBatch",
    "AttackContext",
    "Backbone",
    "Ball",
    "Box",
    "Budget",
    "ClosedForm",
    "CodeBank",
    "CrossModalHashModel",
    "CrossModalObjective",
    "Dataset",
    "DatasetContext",
    "Defense",
    "DefenseContext",
    "Descriptor",
    "Distance",
    "Draws",
    "Ensemble",
    "EpochWatch",
    "Executor",
    "FileImages",
    "Finding",
    "Findings",
    "FinishedShard",
    "HashLayer",
    "HashModel",
    "Images",
    "Index",
    "Inputs",
    "LearningContext",
    "LossStep",
    "Modality",
    "ModelWrapper",
    "Moves",
    "Neighbours",
    "Norm",
    "Objective",
    "OptimizerName",
    "Oracle",
    "PairedBatch",
    "Pairs",
    "Precision",
    "Progress",
    "Radius",
    "Randomness",
    "ReadyModel",
    "Recipe",
    "RetrievalData",
    "Retriever",
    "RetrieverCapabilities",
    "Running",
    "Schedule",
    "ShardTask",
    "SmoothedModel",
    "Snapshot",
    "Snapshots",
    "Space",
    "Split",
    "SplitNames",
    "Surrogate",
    "Team",
    "TextBackbone",
    "Threat",
    "TowerBatch",
    "TrainBatch",
    "TrainFeatures",
    "TrainProbe",
    "TrainStep",
    "TrainedDefense",
    "TrainedWrapper",
    "Trainer",
    "TrainingReport",
    "Work",
    "Workplace",
    "checked_outputs",
    "evaluating",
    "format_epsilon",
    "in_use",
    "isolated_randomness",
    "misspelt",
    "parse_epsilon",
    "parse_radius",
    "read_inputs",
    "read_pixels",
    "represented",
    "run_tasks",
    "seeded",
    "silent",
    "tower_of",
    "towers_of",
    "unwatched",
]
