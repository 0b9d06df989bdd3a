"""Plans the cells of a request, in the order in which they are run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from robusthash.checkpoints import read_description
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import AnyAttack, AnyDefense, AnyModel, checkpoint_path, shown
from robusthash.evaluation.planning.request import NO_DEFENSE, Request
from robusthash.specs import Direction

Varied = tuple[tuple[str, Any], ...]  #: the options of an attack that a sweep varies, each with one of its values


@dataclass(frozen=True, kw_only=True)
class VictimPlan:
    """A model to be scored, or crafted on.

    Attributes:
        model: a registered name, ``path/to/file.py:build``, the path of a checkpoint, or a model.
        bits: code length; None is the model's own.
        defense: the defense that hardens it; None is an undefended model.
    """

    model: AnyModel
    bits: int | None
    defense: "AnyDefense | None" = None

    def __str__(self) -> str:
        size = "" if self.bits is None else f" {self.bits} bit"
        return f"{shown(self.model)}{size}" + (f" + {shown(self.defense)}" if self.defense else "")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One attack on one victim at one radius.

    Attributes:
        victim: the model that is scored.
        attack: the attack, as the request names it.
        epsilon: radius as a share of the box's width.
        surrogate: the model that the attack is crafted on; None is the victim.
        options: options of the attack that replace those of the setting.
        direction: what searches for what.
        candidates: for a fitted attack, the models among which is the one that it was fitted on; if empty, that is the
            victim, or a model that is not at hand.
    """

    victim: VictimPlan
    attack: AnyAttack
    epsilon: float
    surrogate: VictimPlan | None = None
    candidates: tuple[VictimPlan, ...] = ()
    options: Varied = ()
    direction: Direction = Direction.I2I

    @property
    def crafted_on(self) -> VictimPlan:
        """The surrogate, or the victim itself."""
        return self.surrogate or self.victim

    @property
    def crafting(self) -> tuple[VictimPlan, AnyAttack, Varied, float, Direction]:
        """What cells with the same adversarial inputs have in common."""
        return self.crafted_on, self.attack, self.options, self.epsilon, self.direction

    def __str__(self) -> str:
        options = "".join(f" {name}={value}" for name, value in self.options)
        crafted = f" from {self.surrogate}" if self.surrogate else ""
        if isinstance(self.attack, FittedAttack):
            crafted = f" fitted on {self.attack.fitting.model_name}"
        direction = "" if self.direction is Direction.I2I else f", {self.direction}"
        return f"{shown(self.attack)}{options}{crafted} on {self.victim}{direction}"


@dataclass(frozen=True, kw_only=True)
class Known:
    """Facts about plugins and data that a plan depends on.

    Attributes:
        epsilon: the dataset's conventional radius.
        directions: directions that the dataset supports, the default one first.
        reference: name of the reference attack.
        yardstick: the attack that a model is ranked by, by model; empty if the request names attacks.
        model_independent: attacks that use no model, and therefore no surrogate.
        sizes: code lengths of models that have one of their own, by model; None for descriptors. Their surrogates have
            the code lengths of the request.
    """

    epsilon: float
    directions: tuple[Direction, ...]
    reference: AnyAttack
    yardstick: dict[AnyModel, AnyAttack]
    model_independent: frozenset[AnyAttack] = frozenset()
    sizes: dict[AnyModel, int | None]


def plan(request: Request, known: Known) -> list[Cell]:
    """The cells of a request; at each radius the reference comes before the attacks.

    Cells without a surrogate come first, victim by victim. Transfer cells follow, attack by attack, so that adversarial
    inputs are crafted once for all victims. A fitted attack is run on each victim, at the radius that it was fitted
    for.

    Args:
        request: the grid.
        known: facts about plugins and data.

    Raises:
        CheckpointError: a model is a checkpoint that cannot be read.
    """
    epsilons = _distinct(request.epsilons or _fitted_for(request) or (known.epsilon,))
    directions = _distinct(request.directions or known.directions[:1])
    own: list[Cell] = []
    transferred: list[Cell] = []
    for victim, direction in product(_victims(request, known), directions):
        everything = _attacks(request, victim, known)
        attacks = [attack for attack in everything if not isinstance(attack, FittedAttack)]
        surrogates = _surrogates(request, victim, known)
        itself = not surrogates or victim in surrogates
        direct = [name for name in attacks if itself or name in known.model_independent or name == known.reference]
        indirect = [name for name in attacks if name not in known.model_independent and name != known.reference]
        own += [
            Cell(victim=victim, attack=attack, epsilon=epsilon, options=options, direction=direction)
            for epsilon in epsilons
            for attack in direct
            for options in _sweep(request, attack)
        ]
        own += [
            Cell(
                victim=victim,
                attack=attack,
                epsilon=epsilon,
                options=options,
                direction=direction,
                candidates=tuple(surrogates),
            )
            for attack in everything
            if isinstance(attack, FittedAttack)
            for epsilon in epsilons
            if epsilon == attack.fitting.epsilon or not attack.fitting.bounded
            for options in _sweep(request, attack)
        ]
        transferred += [
            Cell(
                victim=victim,
                attack=attack,
                epsilon=epsilon,
                options=options,
                surrogate=surrogate,
                direction=direction,
            )
            for surrogate, epsilon in product(surrogates, epsilons)
            if surrogate != victim
            for attack in indirect
            for options in _sweep(request, attack)
        ]
    return own + list(_by_crafting(transferred))


def _fitted_for(request: Request) -> tuple[float, ...]:
    """The radii of the fitted attacks of a request."""
    return tuple(one.fitting.epsilon for one in request.attacks or () if isinstance(one, FittedAttack))


def _victims(request: Request, known: Known) -> list[VictimPlan]:
    grid = product(_distinct(request.models), _distinct(request.bits), _distinct(request.defenses))
    victims = [
        replace(_victim(model, bits, known), defense=None if defense == NO_DEFENSE else defense)
        for model, bits, defense in grid
    ]
    return _distinct(victims)


def _surrogates(request: Request, victim: VictimPlan, known: Known) -> list[VictimPlan]:
    lengths = request.bits if victim.model in known.sizes else (victim.bits,)
    return _distinct([_victim(model, bits, known) for model, bits in product(request.surrogates, lengths)])


def _attacks(request: Request, victim: VictimPlan, known: Known) -> list[AnyAttack]:
    attacks = (known.yardstick[victim.model],) if request.attacks is None else request.attacks
    return _distinct((known.reference, *attacks))


def _victim(model: AnyModel, bits: int | None, known: Known) -> VictimPlan:
    path = checkpoint_path(model)
    size = read_description(path).bits if path else known.sizes.get(model, bits)
    return VictimPlan(model=model, bits=size)


def _sweep(request: Request, attack: AnyAttack) -> Iterator[Varied]:
    """All combinations of the values that an attack's options are varied over."""
    varied = request.vary.get(shown(attack), {})
    for values in product(*varied.values()):
        yield tuple(zip(varied, values, strict=True))


def _by_crafting(cells: Sequence[Cell]) -> Iterator[Cell]:
    """The cells, regrouped so that those with the same adversarial inputs are adjacent."""
    for crafting in dict.fromkeys(cell.crafting for cell in cells):
        yield from (cell for cell in cells if cell.crafting == crafting)


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
