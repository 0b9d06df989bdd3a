"""The contracts of hash models, and of each way to make one."""

from robusthash.testing.contracts.models.backbones import BackboneContract
from robusthash.testing.contracts.models.closed_form import ClosedFormContract
from robusthash.testing.contracts.models.crossmodal import CrossModalObjectiveContract, TextBackboneContract
from robusthash.testing.contracts.models.descriptors import DescriptorContract
from robusthash.testing.contracts.models.hashing import HashContract, ModelContract
from robusthash.testing.contracts.models.objectives import ObjectiveContract
from robusthash.testing.contracts.models.ready import ReadyModelContract
from robusthash.testing.contracts.models.towers import TowersContract

__all__ = [
    "BackboneContract",
    "ClosedFormContract",
    "CrossModalObjectiveContract",
    "DescriptorContract",
    "HashContract",
    "ModelContract",
    "ObjectiveContract",
    "ReadyModelContract",
    "TextBackboneContract",
    "TowersContract",
]
