"""Training hash models: the network, the recipe, the loop, adversarial training, checkpoints, and users' own models."""

from robusthash.training.adversarial import AdversarialTraining, Banks, HardeningContext, Scene
from robusthash.training.batches import TrainBatch, augmented, batches, epoch_order
from robusthash.training.checkpoint import Description, load_checkpoint, read_description, save_checkpoint
from robusthash.training.closed_form import set_hash_layer
from robusthash.training.encoding import encode
from robusthash.training.fitting import LossStep, Progress, fit
from robusthash.training.importing import LAYOUTS, Origin, import_checkpoint
from robusthash.training.loop import ObjectiveStep, train
from robusthash.training.network import HashNetwork, build_network
from robusthash.training.recipe import Recipe
from robusthash.training.report import Probe, TrainingReport
from robusthash.training.user_model import LogitModel, user_model
from robusthash.training.weights import load_tensors, load_weights, tensors_digest, weights_digest

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
    "Probe",
    "Progress",
    "Recipe",
    "Scene",
    "TrainBatch",
    "TrainingReport",
    "augmented",
    "batches",
    "build_network",
    "encode",
    "epoch_order",
    "fit",
    "import_checkpoint",
    "load_checkpoint",
    "load_tensors",
    "load_weights",
    "read_description",
    "save_checkpoint",
    "set_hash_layer",
    "tensors_digest",
    "train",
    "user_model",
    "weights_digest",
]
