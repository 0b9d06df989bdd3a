"""A trained model on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from robusthash.api.plugins import installed
from robusthash.contracts import CrossModalHashModel, HashModel
from robusthash.evaluation.victims.networks import described_network
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.training import Description, load_checkpoint, read_description


@dataclass(frozen=True, kw_only=True, repr=False)
class Checkpoint:
    """A trained model on disk. It can be passed wherever a model can.

    Attributes:
        path: the safetensors file.
        description: everything that made the model: data, options, seed, versions, how the training went.
        cached: whether it was in the cache already.
    """

    path: Path
    description: Description
    cached: bool = True

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """A checkpoint that ``robusthash train`` or :func:`robusthash.train` has written.

        Raises:
            CheckpointError: there is no such file, or it is no checkpoint.
        """
        return cls(path=Path(path), description=read_description(Path(path)))

    def load(self) -> HashModel | CrossModalHashModel:
        """The network, of one tower or several: on the CPU, in evaluation mode, parameters frozen.

        Raises:
            CheckpointError: the file is missing or was changed.
            UnknownNameError: the plugin that has its backbone is not installed.
        """
        tensors, description = load_checkpoint(self.path)
        network = described_network(tensors, self.path, description, Plugins(installed(), {}))
        network.name = self.name
        return network.requires_grad_(requires_grad=False).eval()

    @property
    def name(self) -> str:
        """The model's name, with its defense if it has one."""
        defense = self.description.defense
        return self.description.model.name + (f" + {defense.name}" if defense else "")

    def __repr__(self) -> str:
        return f"<Checkpoint: {self.name}, {self.description.bits} bit, {self.path}>"
