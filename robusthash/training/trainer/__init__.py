"""Training a hash model: by any loss, by an objective of one tower or of several, or in closed form."""

from robusthash.training.trainer.batches import augmented, batches, epoch_order
from robusthash.training.trainer.closed_form import set_hash_layer
from robusthash.training.trainer.crossmodal import CrossModalStep
from robusthash.training.trainer.loop import train, training_identity
from robusthash.training.trainer.objective import ObjectiveStep, share_label
from robusthash.training.trainer.optimizers import learning_rate, make_optimizer, set_learning_rate
from robusthash.training.trainer.snapshot import TeamSnapshots, optimizer_state, restore_optimizer

__all__ = [
    "CrossModalStep",
    "ObjectiveStep",
    "TeamSnapshots",
    "augmented",
    "batches",
    "epoch_order",
    "learning_rate",
    "make_optimizer",
    "optimizer_state",
    "restore_optimizer",
    "set_hash_layer",
    "set_learning_rate",
    "share_label",
    "train",
    "training_identity",
]
