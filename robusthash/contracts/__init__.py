"""What a plugin implements, and what it is handed."""

from robusthash.contracts.attacking.access import Budget, CodeBank, Oracle, Precision, Surrogate
from robusthash.contracts.attacking.attack import Adversarial, Attack, AttackBatch, AttackContext
from robusthash.contracts.attacking.ensemble import Ensemble
from robusthash.contracts.attacking.learning import LearningContext
from robusthash.contracts.attacking.threat import Threat
from robusthash.contracts.data.dataset import (
    Dataset,
    DatasetContext,
    Finding,
    RetrievalData,
    Split,
)
from robusthash.contracts.data.files import FileImages
from robusthash.contracts.data.inputs import ArrayImages, ArrayTexts, Images, Inputs
from robusthash.contracts.defense import Defense, DefenseContext
from robusthash.contracts.executor import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.contracts.modality import IMAGE, PIXELS, TEXT, Box, Modality
from robusthash.contracts.models.closed_form import ClosedForm, HashLayer, TrainFeatures
from robusthash.contracts.models.descriptor import Descriptor
from robusthash.contracts.models.model import Backbone, HashModel, evaluating
from robusthash.contracts.models.objective import Objective, Pairs, TrainStep
from robusthash.contracts.models.ready_model import ReadyModel
from robusthash.contracts.models.towers import CrossModalHashModel, tower_of
from robusthash.contracts.randomness import Randomness, isolated_randomness
from robusthash.contracts.retriever import Ball, Index, Neighbours, Retriever, RetrieverCapabilities
from robusthash.contracts.space import Space
from robusthash.epsilon import format_epsilon, parse_epsilon
from robusthash.snapshots import Snapshot, Snapshots
from robusthash.specs import Distance

__all__ = [
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
    "Dataset",
    "DatasetContext",
    "Defense",
    "DefenseContext",
    "Descriptor",
    "Distance",
    "Ensemble",
    "Executor",
    "FileImages",
    "Finding",
    "FinishedShard",
    "HashLayer",
    "HashModel",
    "Images",
    "Index",
    "Inputs",
    "LearningContext",
    "Modality",
    "Neighbours",
    "Objective",
    "Oracle",
    "Pairs",
    "Precision",
    "Randomness",
    "ReadyModel",
    "RetrievalData",
    "Retriever",
    "RetrieverCapabilities",
    "Running",
    "ShardTask",
    "Snapshot",
    "Snapshots",
    "Space",
    "Split",
    "Surrogate",
    "Threat",
    "TrainFeatures",
    "TrainStep",
    "Workplace",
    "evaluating",
    "format_epsilon",
    "isolated_randomness",
    "parse_epsilon",
    "tower_of",
]
