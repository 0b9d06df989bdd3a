"""From a request to cells: the grid, in the order in which it is run."""

from dataclasses import dataclass
from itertools import product

from robusthash.evaluation.request import NOISE, Request

NO_DEFENSE = "none"


@dataclass(frozen=True, kw_only=True)
class VictimPlan:
    """One model to be scored.

    Attributes:
        model: registered name, or ``path/to/file.py:build``.
        bits: code length.
        defense: registered name of what hardens it; None if nothing does.
    """

    model: str
    bits: int
    defense: str | None = None

    def __str__(self) -> str:
        return f"{self.model} {self.bits} bit" + (f" + {self.defense}" if self.defense else "")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One attack on one victim at one radius.

    Attributes:
        victim: the model.
        attack: the attack's name as asked for.
        epsilon: radius as a share of the pixel range.
    """

    victim: VictimPlan
    attack: str
    epsilon: float

    def __str__(self) -> str:
        return f"{self.attack} on {self.victim}"


def plan(request: Request, default_epsilon: float) -> list[Cell]:
    """The cells of a request, one victim after the other, noise of the same radius before the attacks it is beside.

    Args:
        request: the grid.
        default_epsilon: the dataset's own, for a request without radii.
    """
    attacks = dict.fromkeys((NOISE, *request.attacks))
    epsilons = dict.fromkeys(request.epsilons or (default_epsilon,))
    victims = [
        VictimPlan(model=model, bits=bits, defense=None if defense == NO_DEFENSE else defense)
        for model, bits, defense in product(
            dict.fromkeys(request.models), dict.fromkeys(request.bits), dict.fromkeys(request.defenses)
        )
    ]
    return [
        Cell(victim=victim, attack=attack, epsilon=epsilon)
        for victim, epsilon, attack in product(victims, epsilons, attacks)
    ]
