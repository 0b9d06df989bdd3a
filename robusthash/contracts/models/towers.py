"""Two towers that share one space: a model of images and texts."""

from collections.abc import Mapping

from torch import nn

from robusthash.contracts.models.model import HashModel
from robusthash.contracts.space import Space
from robusthash.errors import CapabilityError, ContractError


class CrossModalHashModel(nn.Module):
    """A hash model for each modality, whose codes are compared with each other.

    Every attack on a :class:`HashModel` works on a tower: what searches is one tower, and what is searched is another.

    Args:
        towers: by modality, ``image`` and ``text``; two at least.

    Raises:
        ContractError: fewer than two, a tower under another name than its modality's, or towers of different spaces.
    """

    name: str | None = None  #: as of a :class:`HashModel`

    def __init__(self, towers: Mapping[str, HashModel]) -> None:
        super().__init__()
        if len(towers) < 2:
            raise ContractError(f"{len(towers)} towers", hint="give one for each of two modalities")
        for name, tower in towers.items():
            if tower.modality.name != name:
                raise ContractError(f"the tower {name!r} takes inputs of modality {tower.modality.name!r}")
        if len({tower.space for tower in towers.values()}) > 1:
            told = ", ".join(f"{name}: {tower.space}" for name, tower in towers.items())
            raise ContractError(f"towers of different spaces cannot be compared: {told}")
        self.towers = nn.ModuleDict(dict(towers))

    @property
    def space(self) -> Space:
        """What all towers share."""
        space: Space = next(iter(self.towers.values())).space  # type: ignore[assignment]  # ModuleDict forgets the type
        return space

    def tower(self, modality: str) -> HashModel:
        """The model of one modality.

        Raises:
            CapabilityError: there is none.
        """
        return tower_of(self, modality)


def tower_of(model: HashModel | CrossModalHashModel, modality: str) -> HashModel:
    """What hashes inputs of a modality: a tower, or the model itself.

    Raises:
        CapabilityError: the model takes no such inputs.
    """
    towers = dict(model.towers) if isinstance(model, CrossModalHashModel) else {model.modality.name: model}
    found = towers.get(modality)
    if not isinstance(found, HashModel):
        raise CapabilityError(
            f"the model takes no inputs of modality {modality!r}, only {', '.join(sorted(towers))}",
            hint="choose another --direction",
        )
    return found
