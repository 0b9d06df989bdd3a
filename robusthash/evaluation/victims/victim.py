"""A victim: a model ready to be attacked, and what the record says of it."""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch

from robusthash.contracts import CrossModalHashModel, HashModel, Randomness, isolated_randomness, tower_of
from robusthash.results import ModelUse, PluginUse
from robusthash.storage import digest
from robusthash.training import Description

_ITEMS = 16  #: made-up inputs whose outputs say what a model computes
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

    def identified(self) -> Self:
        """The same victim, known by what it computes beside its weights.

        Two networks of equal weights may differ in their code: a ``forward`` that was edited, a plugin's new version, a
        buffer that no state dictionary holds. What a model computes is told by the signs of its outputs on made-up
        inputs; a sign that rounding may decide is left open, so that another number of threads tells the same.
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
    # A randomised model draws the same numbers whenever it is asked.
    with torch.no_grad(), isolated_randomness(_RANDOM, ids):
        outputs = model(box.nearest(box.low + uniform * box.width)).double().cpu()
    if not model.space.binary:
        outputs = outputs - outputs.mean(0)  # features are often positive throughout
    open_ = outputs.abs() < _NEAR_ZERO * outputs.abs().mean()
    ternary = torch.where(open_, 0, outputs.sign()).to(torch.int8)
    return hashlib.sha256(ternary.numpy().tobytes()).hexdigest()
