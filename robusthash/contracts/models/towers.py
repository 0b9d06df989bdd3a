"""Cross-modal models: one tower per modality, in a shared space."""

from collections.abc import Mapping

from torch import nn

from robusthash.contracts.models.model import HashModel
from robusthash.contracts.space import Space
from robusthash.errors import CapabilityError, ContractError


class CrossModalHashModel(nn.Module):
    """One hash model per modality; their outputs are compared with each other.

    Every attack on a :class:`HashModel` works on a tower: queries are hashed by one tower and items by another.

    Args:
        towers: by modality, ``image`` and ``text``; at least two.

    Raises:
        ContractError: there are fewer than two towers, a tower's key is not its modality, or their spaces differ.
    """

    name: str | None = None  #: name in tables, as for :class:`HashModel`

    def __init__(self, towers: Mapping[str, HashModel]) -> None:
        super().__init__()
        if len(towers) < 2:
            raise ContractError(
                f"a cross-modal model has {len(towers)} towers", hint="pass one tower per modality, at least two"
            )
        for name, tower in towers.items():
            if tower.modality.name != name:
                raise ContractError(f"the tower {name!r} has modality {tower.modality.name!r}")
        if len({tower.space for tower in towers.values()}) > 1:
            told = ", ".join(f"{name}: {tower.space}" for name, tower in towers.items())
            raise ContractError(f"the towers have different spaces: {told}")
        self.towers = nn.ModuleDict(dict(towers))

    @property
    def space(self) -> Space:
        """The space that the towers share."""
        space: Space = next(iter(self.towers.values())).space  # type: ignore[assignment]  # ModuleDict forgets the type
        return space

    def tower(self, modality: str) -> HashModel:
        """The tower of one modality.

        Raises:
            CapabilityError: there is no such tower.
        """
        return tower_of(self, modality)


def tower_of(model: HashModel | CrossModalHashModel, modality: str) -> HashModel:
    """The model that hashes inputs of a modality: a tower, or the model itself.

    Raises:
        CapabilityError: the model does not accept such inputs.
    """
    towers = towers_of(model)
    found = towers.get(modality)
    if found is None:
        raise CapabilityError(
            f"the model takes no inputs of modality {modality!r}, only {', '.join(sorted(towers))}",
            hint="choose another --direction",
        )
    return found


def towers_of(model: HashModel | CrossModalHashModel) -> dict[str, HashModel]:
    """The towers of a model by modality; a model for one kind of inputs is its only tower."""
    if isinstance(model, HashModel):
        return {model.modality.name: model}
    return {name: tower for name, tower in model.towers.items() if isinstance(tower, HashModel)}
