"""What a plugin implements, and what it is handed."""

from robusthash.contracts.attacking.access import Budget, CodeBank, Oracle, Precision, Surrogate
from robusthash.contracts.attacking.attack import Adversarial, Attack, AttackBatch, AttackContext
from robusthash.contracts.attacking.ensemble import Ensemble
from robusthash.contracts.attacking.threat import Threat, to_8_bit
from robusthash.contracts.data.dataset import (
    ArrayImages,
    Dataset,
    DatasetContext,
    Finding,
    Images,
    RetrievalData,
    Split,
)
from robusthash.contracts.data.files import FileImages
from robusthash.contracts.defending.context import DefenseContext, Trainer
from robusthash.contracts.defending.defense import Defense, TrainedDefense, TrainedWrapper
from robusthash.contracts.modality import IMAGE, TEXT, Modality
from robusthash.contracts.models.closed_form import ClosedForm, HashLayer, TrainFeatures
from robusthash.contracts.models.model import Backbone, HashModel, evaluating
from robusthash.contracts.models.objective import Objective, Pairs, TrainStep
from robusthash.contracts.models.ready_model import ReadyModel
from robusthash.contracts.progress import Progress, silent
from robusthash.contracts.randomness import Randomness, isolated_randomness, seeded
from robusthash.contracts.retriever import Ball, Index, Neighbours, Retriever, RetrieverCapabilities
from robusthash.contracts.space import Distance, Space
from robusthash.contracts.training.loss import LossStep, TrainBatch
from robusthash.contracts.training.recipe import Recipe
from robusthash.contracts.training.report import TrainingReport, TrainProbe
from robusthash.epsilon import format_epsilon, parse_epsilon
from robusthash.snapshots import Snapshot, Snapshots

__all__ = [
    "IMAGE",
    "TEXT",
    "Adversarial",
    "ArrayImages",
    "Attack",
    "AttackBatch",
    "AttackContext",
    "Backbone",
    "Ball",
    "Budget",
    "ClosedForm",
    "CodeBank",
    "Dataset",
    "DatasetContext",
    "Defense",
    "DefenseContext",
    "Distance",
    "Ensemble",
    "FileImages",
    "Finding",
    "HashLayer",
    "HashModel",
    "Images",
    "Index",
    "LossStep",
    "Modality",
    "Neighbours",
    "Objective",
    "Oracle",
    "Pairs",
    "Precision",
    "Progress",
    "Randomness",
    "ReadyModel",
    "Recipe",
    "RetrievalData",
    "Retriever",
    "RetrieverCapabilities",
    "Snapshot",
    "Snapshots",
    "Space",
    "Split",
    "Surrogate",
    "Threat",
    "TrainBatch",
    "TrainFeatures",
    "TrainProbe",
    "TrainStep",
    "TrainedDefense",
    "TrainedWrapper",
    "Trainer",
    "TrainingReport",
    "evaluating",
    "format_epsilon",
    "isolated_randomness",
    "parse_epsilon",
    "seeded",
    "silent",
    "to_8_bit",
]
