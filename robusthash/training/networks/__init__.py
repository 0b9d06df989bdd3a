"""Networks: building, storing, loading, importing and running them."""

from robusthash.training.networks.checkpoint import Description, load_checkpoint, read_description, save_checkpoint
from robusthash.training.networks.descriptor import DescriptorNetwork, build_descriptor
from robusthash.training.networks.encoding import encode
from robusthash.training.networks.importing import LAYOUTS, Origin, import_checkpoint
from robusthash.training.networks.layered import Inside, LayeredModel, batch_parts
from robusthash.training.networks.network import HashNetwork, build_network
from robusthash.training.networks.normalisation import fold_batch_norm, put_batch_norm
from robusthash.training.networks.prototype import PrototypeNetwork, prototype_loss
from robusthash.training.networks.towers import TextNetwork, build_towers, prepare_towers
from robusthash.training.networks.user_model import LogitModel, user_model, wrapped
from robusthash.training.networks.weights import load_weights, weights_digest

__all__ = [
    "LAYOUTS",
    "Description",
    "DescriptorNetwork",
    "HashNetwork",
    "Inside",
    "LayeredModel",
    "LogitModel",
    "Origin",
    "PrototypeNetwork",
    "TextNetwork",
    "batch_parts",
    "build_descriptor",
    "build_network",
    "build_towers",
    "encode",
    "fold_batch_norm",
    "import_checkpoint",
    "load_checkpoint",
    "load_weights",
    "prepare_towers",
    "prototype_loss",
    "put_batch_norm",
    "read_description",
    "save_checkpoint",
    "user_model",
    "weights_digest",
    "wrapped",
]
