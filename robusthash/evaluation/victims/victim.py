"""Victims: models that are ready to be attacked, with their entries in the record."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import torch

from robusthash.contracts import CrossModalHashModel, HashModel, Modality, Randomness, tower_of
from robusthash.results import ModelUse, PluginUse
from robusthash.storage import digest
from robusthash.training import Description, weights_digest

_ITEMS = 32  #: number of synthetic inputs whose outputs identify a model's behaviour
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


def behaviour_digest(model: HashModel | CrossModalHashModel) -> str:
    """SHA-256 of a model's weights and behaviour: networks with equal weights may differ in their ``forward``.

    Behaviour is the signs of its outputs on synthetic inputs. Signs that rounding may decide count as zero, so that
    the digest does not depend on the device or the number of threads.

    Args:
        model: in evaluation mode, on any device.
    """
    towers = model.towers.items() if isinstance(model, CrossModalHashModel) else [("", model)]
    computed = {name: _outputs(tower) for name, tower in towers if isinstance(tower, HashModel)}
    return digest({"weights": weights_digest(model), "computes": computed})


def _outputs(model: HashModel) -> str:
    inputs = _made_up(model.modality)
    device = next((part.device for part in model.parameters()), torch.device("cpu"))
    with torch.no_grad():
        outputs = model(inputs.to(device)).double().cpu()
    open_ = outputs.abs() < _NEAR_ZERO * outputs.abs().mean()
    ternary = torch.where(open_, 0, outputs.sign()).to(torch.int8)
    return hashlib.sha256(ternary.numpy().tobytes()).hexdigest()


def _made_up(modality: Modality) -> torch.Tensor:
    random = Randomness(seed=0, purpose="what a model computes")
    uniform = random.uniform(torch.arange(_ITEMS), modality.shape)
    return modality.box.nearest(modality.box.low + uniform * modality.box.width)
