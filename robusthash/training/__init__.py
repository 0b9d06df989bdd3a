"""Training hash models: networks, checkpoints, objectives, adversarial training, and user-defined models."""

from robusthash.contracts import Recipe, TrainingReport
from robusthash.files.tensors import load_tensors, prefixed, tensors_digest, under
from robusthash.training.hardening import AdversarialTraining, Banks, Scene, defense_context
from robusthash.training.networks import (
    Description,
    HashNetwork,
    LogitModel,
    PrototypeNetwork,
    build_descriptor,
    build_network,
    encode,
    load_checkpoint,
    load_weights,
    prototype_loss,
    read_description,
    save_checkpoint,
    user_model,
    weights_digest,
    wrapped,
)
from robusthash.training.trainer import (
    ObjectiveStep,
    optimizer_state,
    restore_optimizer,
    set_hash_layer,
    share_label,
    train,
)

__all__ = [
    "AdversarialTraining",
    "Banks",
    "Description",
    "HashNetwork",
    "LogitModel",
    "ObjectiveStep",
    "PrototypeNetwork",
    "Recipe",
    "Scene",
    "TrainingReport",
    "build_descriptor",
    "build_network",
    "defense_context",
    "encode",
    "load_checkpoint",
    "load_tensors",
    "load_weights",
    "optimizer_state",
    "prefixed",
    "prototype_loss",
    "read_description",
    "restore_optimizer",
    "save_checkpoint",
    "set_hash_layer",
    "share_label",
    "tensors_digest",
    "train",
    "under",
    "user_model",
    "weights_digest",
    "wrapped",
]
