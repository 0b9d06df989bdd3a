"""A victim: a model ready to be attacked, and what the record says of it."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import torch

from robusthash.contracts import CrossModalHashModel, HashModel, Randomness, isolated_randomness, tower_of
from robusthash.results import ModelUse, PluginUse
from robusthash.storage import digest
from robusthash.training import Description, weights_digest

_ITEMS = 32  #: made-up inputs whose outputs say what a model computes
_RANDOM = Randomness(seed=0, purpose="what a model computes")
_NEAR_ZERO = 1e-3  #: of the mean size of a logit: below it, rounding may decide the sign


@dataclass(frozen=True, kw_only=True, eq=False)
class Victim:
    """A model ready to be attacked.

    Attributes:
        model: on the device, in evaluation mode, its parameters frozen.
        use: what the record says of it.
        defense: what hardened it; None if nothing did.
        origin: where it came from, in a few words for the user.
        description: all that made the model; None if nobody knows.
    """

    model: HashModel | CrossModalHashModel
    use: ModelUse
    defense: PluginUse | None
    origin: str
    description: Description | None = None

    def tower(self, modality: str) -> HashModel:
        """What hashes inputs of a modality.

        Raises:
            CapabilityError: the model takes no such inputs.
        """
        return tower_of(self.model, modality)

    @property
    def identity(self) -> dict[str, Any]:
        """The model and what hardened it, as plain values: what a digest or a manifest names it by."""
        return {"model": self.use.identity(), "defense": asdict(self.defense) if self.defense else None}


def behaviour_digest(model: HashModel | CrossModalHashModel) -> str:
    """SHA-256 of a model's weights and of what it computes: two networks of equal weights may differ in their code.

    What it computes is told by the signs of its outputs on made-up inputs; a sign that rounding may decide is left
    open, so that another device or number of threads tells the same.

    Args:
        model: in evaluation mode, on any device.
    """
    towers = model.towers.items() if isinstance(model, CrossModalHashModel) else [("", model)]
    computed = {name: _outputs(tower) for name, tower in towers if isinstance(tower, HashModel)}
    return digest({"weights": weights_digest(model), "computes": computed})


def _outputs(model: HashModel) -> str:
    device = next((part.device for part in model.parameters()), torch.device("cpu"))
    ids = torch.arange(_ITEMS, device=device)
    uniform = _RANDOM.uniform(ids, model.modality.shape)
    box = model.modality.box
    # A randomised model draws the same numbers whenever it is asked.
    with torch.no_grad(), isolated_randomness(_RANDOM, ids):
        outputs = model(box.nearest(box.low + uniform * box.width)).double().cpu()
    open_ = outputs.abs() < _NEAR_ZERO * outputs.abs().mean()
    ternary = torch.where(open_, 0, outputs.sign()).to(torch.int8)
    return hashlib.sha256(ternary.numpy().tobytes()).hexdigest()
