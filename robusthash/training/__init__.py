"""Training hash models: the network, the recipe, the loop, adversarial training, checkpoints, and users' own models."""

from robusthash.tensors import load_tensors, tensors_digest
from robusthash.training.hardening.adversarial import AdversarialTraining, Banks, HardeningContext, Scene
from robusthash.training.networks.checkpoint import Description, load_checkpoint, read_description, save_checkpoint
from robusthash.training.networks.closed_form import set_hash_layer
from robusthash.training.networks.encoding import encode
from robusthash.training.networks.importing import LAYOUTS, Origin, import_checkpoint
from robusthash.training.networks.network import HashNetwork, build_network
from robusthash.training.networks.user_model import LogitModel, user_model
from robusthash.training.networks.weights import load_weights, weights_digest
from robusthash.training.trainer.batches import TrainBatch, augmented, batches, epoch_order
from robusthash.training.trainer.fitting import LossStep, Progress, optimise
from robusthash.training.trainer.loop import ObjectiveStep, train
from robusthash.training.trainer.recipe import Recipe
from robusthash.training.trainer.report import TrainingReport, TrainProbe

__all__ = [
    "LAYOUTS",
    "AdversarialTraining",
    "Banks",
    "Description",
    "HardeningContext",
    "HashNetwork",
    "LogitModel",
    "LossStep",
    "ObjectiveStep",
    "Origin",
    "Progress",
    "Recipe",
    "Scene",
    "TrainBatch",
    "TrainProbe",
    "TrainingReport",
    "augmented",
    "batches",
    "build_network",
    "encode",
    "epoch_order",
    "import_checkpoint",
    "load_checkpoint",
    "load_tensors",
    "load_weights",
    "optimise",
    "read_description",
    "save_checkpoint",
    "set_hash_layer",
    "tensors_digest",
    "train",
    "user_model",
    "weights_digest",
]
