"""The plan of a grid, as properties: what is asked for is there once, and in an order that spares work."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby, product
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from robusthash.contracts import Ensemble, Norm, Radius
from robusthash.epsilon import Edits
from robusthash.errors import CapabilityError
from robusthash.evaluation import Cell, Request, RunSettings, VictimPlan
from robusthash.evaluation.crafting.shared import SharedCraft, scratch
from robusthash.evaluation.planning.plan import Known, plan
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.host import PluginHost
from robusthash.specs import Direction
from robusthash.testing import LinearVictim

REFERENCE, YARDSTICK, EDITS = "noise", "strongest", "tag-edits"  #: the last one within tags alone
SIZES = {"phash": 64, "features": None}  #: models with a size of their own
BLIND = frozenset({REFERENCE, "square"})  #: attacks that look at no model
KNOWN = Known(
    epsilon=0.3,
    directions=(Direction.I2T, Direction.T2T),
    reference=REFERENCE,
    yardsticks={
        "dpsh": (YARDSTICK, EDITS),
        "csq": (YARDSTICK, EDITS),
        "phash": (YARDSTICK, EDITS),
        "features": ("strongest/descriptors", EDITS),
    },
    model_independent=BLIND,
    sizes=dict(SIZES),
    norms={REFERENCE: frozenset(Norm), EDITS: frozenset({Norm.TAGS, Norm.WORDS})},
    edited=dict.fromkeys((Direction.T2I, Direction.T2T), (Norm.TAGS, Norm.WORDS)),
)


COUNTS = [Edits(count=0), Edits(count=1), Edits(count=3), Edits(count=1, norm=Norm.WORDS)]


def some(values: list[Any], most: int = 3, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    """Some of the values, in any order, a few of them twice."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=most).map(tuple)


@st.composite
def requests(draw: st.DrawFn, *, texts: bool = True) -> Request:
    attacks = draw(st.none() | some([REFERENCE, "rnm", "hinge", "square", YARDSTICK, *([EDITS] if texts else [])]))
    vary: dict[str, dict[str, tuple[int, ...]]] = {}
    for attack in set(attacks or ()) - {REFERENCE, YARDSTICK, EDITS}:
        steps = draw(some([1, 5, 25], most=2))
        if steps:
            vary[attack] = {"steps": tuple(dict.fromkeys(steps)), "size": (3,)}
    return Request(
        models=draw(some(["dpsh", "csq", "phash", "features"], least=1)),
        attacks=attacks,
        surrogates=draw(some(["dpsh", "csq", "phash"], most=2)),
        vary=vary,
        bits=draw(some([16, 32], most=2, least=1)),
        defenses=draw(some(["none", "jpeg"], most=2, least=1)),
        directions=draw(some(list(Direction), most=2)),
        epsilons=draw(some([0.0, 0.1, 0.5], most=2)),
        edits=draw(some(COUNTS, most=2)) if texts else (),
    )


def searches(request: Request) -> dict[Direction, list[Radius]]:
    """The radii of each direction, spelt out: edits are for texts, and the dataset's epsilon where nothing is said."""
    epsilons = request.epsilons or (() if request.edits else (KNOWN.epsilon,))
    only_texts = bool(request.edits) and not request.epsilons
    directions = request.directions or ((Direction.T2T,) if only_texts else (Direction.I2T,))
    return {
        way: [
            *(Radius(size=epsilon) for epsilon in epsilons),
            *(Radius(size=one.count, norm=one.norm or Norm.TAGS) for one in request.edits if way.query == "text"),
        ]
        for way in directions
    }


def can_be_run(request: Request) -> bool:
    """Whether each direction and each attack has a radius."""
    found = searches(request)
    everywhere = {radius.norm for radii in found.values() for radius in radii}
    return all(found.values()) and all(
        bool(KNOWN.norms.get(attack, {Norm.LINF}) & everywhere)
        for attack in request.attacks or ()
        if attack != REFERENCE
    )


sound = requests().filter(can_be_run)


def victim(model: str, bits: int, defense: str | None = None) -> VictimPlan:
    return VictimPlan(model=model, bits=SIZES.get(model, bits), defense=defense)


def asked(request: Request) -> Iterator[Cell]:
    """Every cell that a request asks for, one after the other, some more than once: the definition, spelt out."""
    grid = product(request.models, request.bits, request.defenses)
    places = [(direction, radius) for direction, radii in searches(request).items() for radius in radii]
    for (model, bits, defense), (direction, radius) in product(grid, places):
        scored = victim(model, bits, None if defense == "none" else defense)
        attacks = KNOWN.yardsticks[model] if request.attacks is None else request.attacks
        lengths = request.bits if model in SIZES else (bits,)
        surrogates = {victim(name, length) for name in request.surrogates for length in lengths}
        for attack in (REFERENCE, *attacks):
            if attack != REFERENCE and (attack == EDITS) != radius.norm.counts:
                continue
            crafted_on = surrogates if surrogates and attack not in BLIND else {scored}
            varied = request.vary.get(str(attack), {})
            for values, source in product(product(*varied.values()), crafted_on):
                yield Cell(
                    victim=scored,
                    attack=attack,
                    radius=radius,
                    surrogate=None if source == scored else source,
                    options=tuple(zip(varied, values, strict=True)),
                    direction=direction,
                )


@given(requests())
def test_a_direction_or_an_attack_without_a_radius_is_refused(request: Request) -> None:
    if can_be_run(request):
        assert plan(request, KNOWN)
    else:
        with pytest.raises(CapabilityError, match=r"have none|works within"):
            plan(request, KNOWN)


@given(sound)
def test_every_combination_that_is_asked_for_is_there_once(request: Request) -> None:
    cells = plan(request, KNOWN)
    assert set(Counter(cells).values()) <= {1}
    assert set(cells) == set(asked(request))


@given(sound)
def test_the_reference_comes_before_what_is_shown_beside_it(request: Request) -> None:
    seen = set()
    for cell in plan(request, KNOWN):
        place = cell.victim, cell.radius, cell.direction
        if cell.attack == REFERENCE:
            assert cell.surrogate is None
            seen.add(place)
        assert place in seen


@given(sound)
def test_what_is_crafted_alike_on_surrogates_is_run_in_a_row(request: Request) -> None:
    transferred = [cell.crafting for cell in plan(request, KNOWN) if cell.surrogate]
    runs = [crafting for crafting, _ in groupby(transferred)]
    assert len(runs) == len(set(transferred))


@given(sound)
def test_victim_after_victim_then_what_is_crafted_elsewhere(request: Request) -> None:
    cells = plan(request, KNOWN)
    transferred = [cell.surrogate is not None for cell in cells]
    assert transferred == sorted(transferred)
    victims = [(cell.victim, cell.direction) for cell in cells if cell.surrogate is None]
    assert len([one for one, _ in groupby(victims)]) == len(set(victims))


@given(sound)
def test_sizes_are_the_models_own_or_those_of_the_request(request: Request) -> None:
    for cell in plan(request, KNOWN):
        for one in (cell.victim, cell.crafted_on):
            allowed = {SIZES[str(one.model)]} if one.model in SIZES else set(request.bits)
            assert one.bits in allowed
        if cell.surrogate and cell.victim.model not in SIZES and cell.surrogate.model not in SIZES:
            assert cell.surrogate.bits == cell.victim.bits


@given(sound)
def test_a_plan_is_a_function_of_the_request_without_its_repetitions(request: Request) -> None:
    names = ("models", "bits", "defenses", "directions", "epsilons", "edits", "surrogates")
    once = replace(request, **{name: tuple(dict.fromkeys(getattr(request, name))) for name in names})
    assert plan(once, KNOWN) == plan(request, KNOWN)


def test_models_and_attacks_given_as_objects_are_told_apart() -> None:
    one, two = LinearVictim(), LinearVictim()
    request = Request(models=(one, two, one), attacks=("rnm",), bits=(16,))
    cells = plan(request, replace(KNOWN, sizes={one: 8, two: 8}))
    assert [(cell.victim.model, cell.victim.bits, cell.attack) for cell in cells] == [
        (one, 8, "noise"),
        (one, 8, "rnm"),
        (two, 8, "noise"),
        (two, 8, "rnm"),
    ]


def test_cells_and_victims_are_told_in_a_few_words() -> None:
    plain = VictimPlan(model="dpsh", bits=32)
    hard = VictimPlan(model="runs/best.safetensors", bits=None, defense="jpeg")
    assert (str(plain), str(hard)) == ("dpsh 32 bit", "best + jpeg")
    assert str(Cell(victim=plain, attack="rnm", radius=Radius(size=0.1))) == "rnm on dpsh 32 bit"
    swept = Cell(
        victim=hard,
        attack="rnm",
        radius=Radius(size=0.1),
        surrogate=plain,
        options=(("steps", 5),),
        direction=Direction.T2I,
    )
    assert str(swept) == "rnm steps=5 from dpsh 32 bit on best + jpeg, t2i"


# --- adversarial inputs that several cells share ----------------------------------------------------------------------

MEMBERS = {"strongest": {"members": "rnm,hinge", "steps": "100"}, "strongest/descriptors": {"members": "descriptor"}}


@pytest.fixture(scope="module")
def plugins(host: PluginHost) -> Plugins:
    return Plugins(host, MEMBERS)


def needs(cell: Cell, plugins: Plugins) -> set[tuple[Any, ...]]:
    """What a cell's adversarial inputs are made of: an ensemble's, of those of its members with their own options."""
    attack = plugins.attack(cell.attack, dict(cell.options)).plugin
    if isinstance(attack, Ensemble):
        return {(cell.crafted_on, member, (), cell.radius, cell.direction) for member in attack.members}
    return {(cell.crafted_on, cell.attack, cell.options, cell.radius, cell.direction)}


@settings(max_examples=40)
@given(requests=requests(texts=False))
def test_a_folder_is_there_until_the_last_cell_that_needs_it(
    requests: Request, plugins: Plugins, tmp_path_factory: pytest.TempPathFactory
) -> None:
    vary = {name: {"steps": values["steps"]} for name, values in requests.vary.items() if name != "square"}
    cells = plan(replace(requests, vary=vary), KNOWN)
    root = tmp_path_factory.mktemp("run")
    shared = SharedCraft(cells, plugins, root)
    wanted = [needs(cell, plugins) for cell in cells]
    times = Counter(key for keys in wanted for key in keys)
    made: dict[tuple[Any, ...], Path] = {}
    for place, (cell, keys) in enumerate(zip(cells, wanted, strict=True)):
        folders = shared.folders(cell)
        assert set(folders) == {key[1] for key in keys if times[key] > 1}
        for key in keys:
            if times[key] > 1:
                folder = folders[key[1]]
                assert made.setdefault(key, folder) == folder, "one set of inputs has one folder"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "000000.npz").write_bytes(b"crafted")
        shared.finished(cell)
        later = set().union(*wanted[place + 1 :])
        assert {key for key, folder in made.items() if folder.exists()} == {key for key in made if key in later}
    assert len(set(made.values())) == len(made), "and no other set is in it"
    assert not list(root.iterdir())


def test_a_cell_that_failed_gives_up_its_share(plugins: Plugins, tmp_path: Path) -> None:
    """It made no folder, and the next one that needs it makes it."""
    request = Request(models=("dpsh",), attacks=("rnm", "strongest"), setting=RunSettings())
    cells = plan(request, KNOWN)
    shared = SharedCraft(cells, plugins, tmp_path)
    assert [sorted(shared.folders(cell)) for cell in cells] == [[], ["rnm"], ["rnm"]]
    for cell in cells:
        shared.finished(cell)
    assert not list(tmp_path.iterdir())


def test_objects_of_one_class_do_not_share(plugins: Plugins, tmp_path: Path) -> None:
    one, two = LinearVictim(), LinearVictim()
    request = Request(models=(one, two), attacks=("rnm", "strongest"), bits=(8,))
    cells = plan(request, replace(KNOWN, sizes={one: 8, two: 8}))
    shared = SharedCraft(cells, plugins, tmp_path)
    folders = [shared.folders(cell).get("rnm") for cell in cells]
    assert folders[1] == folders[2] is not None
    assert folders[4] == folders[5] is not None
    assert folders[1] != folders[4]


def test_a_run_removes_what_killed_runs_have_left_and_nothing_of_those_that_go_on(tmp_path: Path) -> None:
    root = tmp_path / ".crafted"
    with scratch(root) as first:
        (first / "inputs").mkdir(parents=True)
        (root / "killed").mkdir()
        (root / "killed" / "000000.npz").write_bytes(b"crafted")
        (root / "killed.lock").touch()
        with scratch(root) as second:
            assert second != first
            assert (first / "inputs").exists(), "its run goes on"
            assert not (root / "killed").exists()
        assert (first / "inputs").exists()
    assert not root.exists()
