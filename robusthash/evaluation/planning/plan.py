"""From a request to cells: the grid, in the order in which it is run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from robusthash.evaluation.planning.request import Request
from robusthash.results import NOISE
from robusthash.training import read_description

NO_DEFENSE = "none"
_NONE: Mapping[str, int] = MappingProxyType({})

Varied = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class VictimPlan:
    """One model to be scored, or to be crafted on.

    Attributes:
        model: registered name, ``path/to/file.py:build``, or a checkpoint's path.
        bits: code length.
        defense: registered name of what hardens it; None if nothing does.
    """

    model: str
    bits: int
    defense: str | None = None

    def __str__(self) -> str:
        name = Path(self.model).stem if checkpoint_path(self.model) else self.model
        return f"{name} {self.bits} bit" + (f" + {self.defense}" if self.defense else "")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One attack on one victim at one radius.

    Attributes:
        victim: the model.
        attack: the attack's name as asked for.
        epsilon: radius as a share of the pixel range.
        surrogate: the model that it is crafted on; None is the victim.
        options: of the attack, beside those of the setting.
    """

    victim: VictimPlan
    attack: str
    epsilon: float
    surrogate: VictimPlan | None = None
    options: Varied = ()

    @property
    def source(self) -> VictimPlan:
        """The model that it is crafted on."""
        return self.surrogate or self.victim

    def __str__(self) -> str:
        options = "".join(f" {name}={value}" for name, value in self.options)
        crafted = f" from {self.surrogate}" if self.surrogate else ""
        return f"{self.attack}{options}{crafted} on {self.victim}"


def plan(
    request: Request, default_epsilon: float, *, blind: Collection[str] = (), own_bits: Mapping[str, int] = _NONE
) -> list[Cell]:
    """The cells of a request, noise of the same radius before the attacks it is beside.

    What is crafted on the victim itself comes victim after victim; then what is crafted on surrogates, attack after
    attack, so that one set of images serves all victims.

    Args:
        request: the grid.
        default_epsilon: the dataset's own, for a request without radii.
        blind: attacks that look at no model, and so have no surrogate.
        own_bits: code lengths of the models that have one of their own. Their surrogates have those of the request.

    Raises:
        CheckpointError: a model is a checkpoint that cannot be read.
    """
    epsilons = tuple(dict.fromkeys(request.epsilons or (default_epsilon,)))
    victims = [
        victim if defense == NO_DEFENSE else replace(victim, defense=defense)
        for model, bits, defense in product(
            dict.fromkeys(request.models), dict.fromkeys(request.bits), dict.fromkeys(request.defenses)
        )
        for victim in [_victim(model, bits, own_bits)]
    ]
    victims = list(dict.fromkeys(victims))
    attacks = list(dict.fromkeys((NOISE, *request.attacks)))
    own, transferred = [], []
    for victim in victims:
        lengths = request.bits if victim.model in own_bits else (victim.bits,)
        surrogates = list(dict.fromkeys(_victim(*one, own_bits) for one in product(request.surrogates, lengths)))
        itself = not surrogates or victim in surrogates
        direct = [name for name in attacks if itself or name in blind or name == NOISE]
        own += [
            Cell(victim=victim, attack=attack, epsilon=epsilon, options=options)
            for epsilon in epsilons
            for attack in direct
            for options in _sweep(request, attack)
        ]
        transferred += [
            Cell(victim=victim, attack=attack, epsilon=epsilon, options=options, surrogate=surrogate)
            for surrogate, epsilon in product(surrogates, epsilons)
            if surrogate != victim
            for attack in attacks
            if attack not in blind and attack != NOISE
            for options in _sweep(request, attack)
        ]
    return own + list(_by_crafting(transferred))


def checkpoint_path(model: str) -> Path | None:
    """The file of a model given as a checkpoint, or None."""
    return Path(model) if model.endswith(".safetensors") else None


def _victim(model: str, bits: int, own_bits: Mapping[str, int]) -> VictimPlan:
    path = checkpoint_path(model)
    return VictimPlan(model=model, bits=read_description(path).bits if path else own_bits.get(model, bits))


def _sweep(request: Request, attack: str) -> Iterator[Varied]:
    """Every combination of the values that the attack's options are to take."""
    varied = request.vary.get(attack, {})
    for values in product(*varied.values()):
        yield tuple(zip(varied, values, strict=True))


def _by_crafting(cells: Sequence[Cell]) -> Iterator[Cell]:
    """The same cells, those with the same adversarial images one after the other."""
    groups = dict.fromkeys((cell.source, cell.attack, cell.options, cell.epsilon) for cell in cells)
    for group in groups:
        yield from (cell for cell in cells if (cell.source, cell.attack, cell.options, cell.epsilon) == group)
