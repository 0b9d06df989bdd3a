"""Plans the cells of a request, in the order in which they are run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from robusthash.checkpoints import read_description
from robusthash.epsilon import Radius
from robusthash.errors import CapabilityError
from robusthash.evaluation.planning.fitted import FittedAttack
from robusthash.evaluation.planning.names import AnyAttack, AnyDefense, AnyModel, checkpoint_path, shown
from robusthash.evaluation.planning.request import NO_DEFENSE, Request
from robusthash.specs import Direction, Norm

_USUAL = frozenset({Norm.LINF})

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
        radius: of the threat, with its norm.
        surrogate: the model that the attack is crafted on; None is the victim.
        options: options of the attack that replace those of the setting.
        direction: what searches for what.
        candidates: for a fitted attack, the models among which is the one that it was fitted on; if empty, that is the
            victim, or a model that is not at hand.
    """

    victim: VictimPlan
    attack: AnyAttack
    radius: Radius
    surrogate: VictimPlan | None = None
    candidates: tuple[VictimPlan, ...] = ()
    options: Varied = ()
    direction: Direction = Direction.I2I

    @property
    def crafted_on(self) -> VictimPlan:
        """The surrogate, or the victim itself."""
        return self.surrogate or self.victim

    @property
    def crafting(self) -> tuple[VictimPlan, AnyAttack, Varied, Radius, Direction]:
        """What cells with the same adversarial inputs have in common."""
        return self.crafted_on, self.attack, self.options, self.radius, self.direction

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
        epsilon: the dataset's conventional radius in L-infinity.
        l2: likewise in L2; None if it has none.
        directions: directions that the dataset supports, the default one first.
        reference: name of the reference attack.
        yardsticks: the attacks that a model is ranked by, one for each norm of the request, by model; empty if the
            request names attacks.
        model_independent: attacks that use no model, and therefore no surrogate.
        sizes: code lengths of models that have one of their own, by model; None for descriptors. Their surrogates have
            the code lengths of the request.
        norms: of the threats that each attack works within; L-infinity, if it is not there.
        edited: the norms that count the edits of a direction's queries, the usual one first; absent if these are
            changed by degrees.
        usual: directions that a model is evaluated in if the request names none; absent if it is the dataset's first.
    """

    epsilon: float
    directions: tuple[Direction, ...]
    reference: AnyAttack
    yardsticks: dict[AnyModel, tuple[AnyAttack, ...]]
    model_independent: frozenset[AnyAttack] = frozenset()
    sizes: dict[AnyModel, int | None]
    norms: Mapping[AnyAttack, frozenset[Norm]] = field(default_factory=dict)
    edited: Mapping[Direction, Sequence[Norm]] = field(default_factory=dict)
    usual: Mapping[AnyModel, tuple[Direction, ...]] = field(default_factory=dict)
    l2: float | None = None

    def works(self, attack: AnyAttack, radius: Radius) -> bool:
        """Whether an attack works within a threat of this radius."""
        return radius.norm in self.norms.get(attack, _USUAL)

    def radius(self, asked: Radius | Norm | float) -> Radius:
        """A radius of a request; of a norm alone, the dataset's own.

        Raises:
            CapabilityError: the dataset has none in this norm.
        """
        if isinstance(asked, Radius):
            return asked
        if not isinstance(asked, Norm):
            return Radius(size=asked)
        size = {Norm.LINF: self.epsilon, Norm.L2: self.l2}.get(asked)
        if size is None:
            raise CapabilityError(
                f"the dataset has no conventional radius in {asked}", hint=f"give one: --epsilon {asked}:0.5"
            )
        return Radius(size=size, norm=asked)


def plan(request: Request, known: Known) -> list[Cell]:
    """The cells of a request; at each radius the reference comes before the attacks.

    Cells without a surrogate come first, victim by victim. Transfer cells follow, attack by attack, so that adversarial
    inputs are crafted once for all victims. A fitted attack is run on each victim, at the radius that it was fitted
    for.

    Args:
        request: the grid.
        known: facts about plugins and data.

    Raises:
        CapabilityError: a direction or an attack has no radius.
        CheckpointError: a model is a checkpoint that cannot be read.
    """
    own: list[Cell] = []
    transferred: list[Cell] = []
    victims = _victims(request, known)
    searches = {victim: _searches(request, victim, known) for victim in victims}
    for victim, direction, radii in ((one, *search) for one in victims for search in searches[one].items()):
        everything = _attacks(request, victim, known)
        attacks = [attack for attack in everything if not isinstance(attack, FittedAttack)]
        surrogates = _surrogates(request, victim, known)
        itself = not surrogates or victim in surrogates
        direct = [name for name in attacks if itself or name in known.model_independent or name == known.reference]
        indirect = [name for name in attacks if name not in known.model_independent and name != known.reference]
        own += [
            Cell(victim=victim, attack=attack, radius=radius, options=options, direction=direction)
            for radius in radii
            for attack in direct
            if known.works(attack, radius)
            for options in _sweep(request, attack)
        ]
        own += [
            Cell(
                victim=victim,
                attack=attack,
                radius=radius,
                options=options,
                direction=direction,
                candidates=tuple(surrogates),
            )
            for attack in everything
            if isinstance(attack, FittedAttack)
            for radius in radii
            if known.works(attack, radius) and attack.fitting.fits(radius)
            for options in _sweep(request, attack)
        ]
        transferred += [
            Cell(
                victim=victim,
                attack=attack,
                radius=radius,
                options=options,
                surrogate=surrogate,
                direction=direction,
            )
            for surrogate, radius in product(surrogates, radii)
            if surrogate != victim
            for attack in indirect
            if known.works(attack, radius)
            for options in _sweep(request, attack)
        ]
    return own + list(_by_crafting(transferred))


def _searches(request: Request, victim: VictimPlan, known: Known) -> dict[Direction, list[Radius]]:
    """The radii of each direction that a victim is evaluated in.

    Raises:
        CapabilityError: a direction that is asked for has no radius, or an attack has none in any direction.
    """
    searches = {
        way: _radii(request, way, known) for way in _distinct(request.directions) or _usual(request, victim, known)
    }
    for way, radii in searches.items():
        if not radii:
            raise CapabilityError(
                f"edits {', '.join(map(str, request.edits))}: the {way.query}s of direction {way} have none",
                hint="edits are of texts of tags: choose another --direction, or give this one an --epsilon",
            )
    everywhere = [radius for radii in searches.values() for radius in radii]
    for attack in request.attacks or ():
        if not any(known.works(attack, radius) for radius in everywhere):
            norms = known.norms.get(attack, _USUAL)
            raise CapabilityError(
                f"attack {shown(attack)!r} works within {' or '.join(sorted(norms))}, and not within "
                + ", ".join(dict.fromkeys(map(str, everywhere))),
                hint=_radius_within(norms),
            )
    return searches


def _usual(request: Request, victim: VictimPlan, known: Known) -> list[Direction]:
    """The directions of a victim in a request that names none; of edits alone, those whose queries have some."""
    own = known.usual.get(victim.model, known.directions[:1])
    if request.epsilons or not request.edits:
        return list(own)
    edited = [way for way in (*own, *known.directions) if _counted(request, way, known)]
    return [way for way in own if way in edited] or (edited or list(own))[:1]


def _radii(request: Request, direction: Direction, known: Known) -> list[Radius]:
    epsilons = request.epsilons or _fitted_for(request) or (() if request.edits else (Norm.LINF,))
    return _distinct([*map(known.radius, epsilons), *_counted(request, direction, known)])


def _counted(request: Request, direction: Direction, known: Known) -> list[Radius]:
    radii = (edits.among(known.edited.get(direction, ())) for edits in request.edits)
    return [radius for radius in radii if radius is not None]


def _radius_within(norms: Collection[Norm]) -> str:
    """An option that asks for a radius in one of these norms."""
    if any(norm.counts for norm in norms):
        return "--edits 3 in a direction of texts"
    return "--epsilon 8/255" if Norm.LINF in norms else "--epsilon l2:0.5"


def _fitted_for(request: Request) -> tuple[Radius, ...]:
    """The radii of the fitted attacks of a request."""
    return tuple(one.fitting.radius for one in request.attacks or () if isinstance(one, FittedAttack))


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
    attacks = known.yardsticks[victim.model] if request.attacks is None else request.attacks
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
