"""Victims: models that are ready to be attacked, with their entries in the record."""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch

from robusthash.contracts import (
    CrossModalHashModel,
    HashModel,
    Randomness,
    checked_outputs,
    isolated_randomness,
    tower_of,
)
from robusthash.files.storage import digest
from robusthash.results import ModelUse, PluginUse
from robusthash.training import Description

_ITEMS = 16  #: number of synthetic inputs whose outputs identify a model's behaviour
_RANDOM = Randomness(seed=0, purpose="what a model computes")
_NEAR_ZERO = 1e-3  #: share of the mean magnitude of outputs, below which rounding may decide a sign


@dataclass(frozen=True, kw_only=True, eq=False)
class Victim:
    """A model ready to be attacked.

    Attributes:
        model: on the device, in evaluation mode, with frozen parameters.
        use: its entry in the record.
        defense: its defense's entry in the record; None for an undefended model.
        origin: where it came from, for the user.
        description: description of its checkpoint; None if it has none.
    """

    model: HashModel | CrossModalHashModel
    use: ModelUse
    defense: PluginUse | None
    origin: str
    description: Description | None = None

    def tower(self, modality: str) -> HashModel:
        """The tower of a modality, or the model itself.

        Raises:
            CapabilityError: the model does not accept such inputs.
        """
        return tower_of(self.model, modality)

    @property
    def identity(self) -> dict[str, Any]:
        """Model and defense as plain values, for digests and manifests."""
        return {"model": self.use.identity(), "defense": asdict(self.defense) if self.defense else None}

    def identified(self) -> Self:
        """A copy whose digest includes the model's behaviour.

        Networks with equal weights may differ in their code: an edited ``forward``, a new version of a plugin, a buffer
        outside the state dictionary. Behaviour is the signs of outputs on synthetic inputs. Signs that rounding may
        decide count as zero, so that the digest does not depend on the number of threads.
        """
        self.model.eval()
        towers = self.model.towers if isinstance(self.model, CrossModalHashModel) else {"": self.model}
        computes = {name: _outputs(tower) for name, tower in towers.items() if isinstance(tower, HashModel)}
        found = digest({"weights": self.use.digest, "computes": computes})
        return replace(self, use=replace(self.use, digest=found))


def _outputs(model: HashModel) -> str:
    device = next((part.device for part in model.parameters()), torch.device("cpu"))
    ids = torch.arange(_ITEMS, device=device)
    uniform = _RANDOM.uniform(ids, model.modality.shape)
    box = model.modality.box
    # A randomised model draws the same numbers in every process.
    with torch.no_grad(), isolated_randomness(_RANDOM, ids):
        inputs = box.nearest(box.low + uniform * box.width)
        outputs = checked_outputs(model, inputs, model(inputs)).cpu().double()
    if not model.space.binary:
        outputs = outputs - outputs.mean(0)  # features are often positive throughout
    open_ = outputs.abs() < _NEAR_ZERO * outputs.abs().mean()
    ternary = torch.where(open_, 0, outputs.sign()).to(torch.int8)
    return hashlib.sha256(ternary.numpy().tobytes()).hexdigest()
