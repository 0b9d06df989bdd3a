"""What differs between a record and the cell that was made from it here, before anything is attacked."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from robusthash.results import DatasetUse, ModelUse, PluginUse, Record


class Cause(StrEnum):
    """Why something differs."""

    INGREDIENT = "ingredient"  #: something else is evaluated: data, weights, what was learnt, options
    CONDITION = "condition"  #: it is computed otherwise: versions, device, threads, compute shape


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One thing that differs.

    Attributes:
        what: in words: ``weights of the victim``, ``threads`` ...
        stored: in the record.
        here: on this machine, now.
        cause: whether something else is computed, or the same otherwise.
        made_here: whether it was made here, such as by a training: other conditions may have changed it.
    """

    what: str
    stored: str
    here: str
    cause: Cause
    made_here: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.stored} in the record, {self.here} here"


def data_deviations(stored: DatasetUse, here: DatasetUse) -> Iterator[Deviation]:
    """How the data differs, the attacked queries first.

    Args:
        stored: the dataset's entry in the record.
        here: of the data that was loaded here.
    """
    for what, theirs, ours in (
        ("name of the dataset", stored.name, here.name),
        ("number of attacked queries", str(stored.queries), str(here.queries)),
        ("attacked queries", stored.query_digest, here.query_digest),
        ("items of the database", str(stored.database), str(here.database)),
        ("split of the dataset", stored.digest, here.digest),
    ):
        if theirs != ours:
            yield _ingredient(what, theirs, ours)


def deviations(stored: Record, here: Record, *, made: frozenset[str]) -> Iterator[Deviation]:
    """How a record of the same cell that was made here differs, without its numbers; what matters most comes first.

    Args:
        stored: as read.
        here: of the cell that is ready to run.
        made: which models were trained here: ``victim``, ``surrogate``.
    """
    yield from data_deviations(stored.dataset, here.dataset)
    yield from _model("victim", stored.victim.model, here.victim.model, made)
    yield from _plugin("defense", stored.victim.defense, here.victim.defense)
    theirs, ours = stored.attack.surrogate, here.attack.surrogate
    if theirs is not None and ours is not None:
        yield from _model("surrogate", theirs, ours, made)
    elif theirs != ours:
        yield _ingredient("surrogate", theirs.name if theirs else "the victim", ours.name if ours else "the victim")
    yield from _plugin("attack", stored.attack, here.attack)
    for what, left, right in (
        ("threat", stored.attack.threat, here.attack.threat),
        ("radius", repr(stored.attack.epsilon), repr(here.attack.epsilon)),
        ("direction", stored.victim.direction, here.victim.direction),
        ("goal", stored.attack.goal, here.attack.goal),
        ("what the attack had learnt", _fitted(stored), _fitted(here)),
        ("protocols", dict(stored.scoring.protocols), dict(here.scoring.protocols)),
        ("headline", stored.scoring.headline, here.scoring.headline),
    ):
        if left != right:
            yield _ingredient(what, str(left), str(right))
    yield from _plugin("retriever", stored.scoring.retriever, here.scoring.retriever)
    yield from conditions(stored, here)


def conditions(stored: Record, here: Record) -> Iterator[Deviation]:
    """How the conditions differ under which a record was made: software, device, threads, compute shape."""
    yield from _mappings(stored.conditions.versions, here.conditions.versions, "version of {}")
    for what, theirs, ours in _owners(stored, here):
        if theirs and ours and theirs != ours:
            yield _condition(f"version of the {what}", theirs, ours)
    words = {"device_name": "name of the device", "threads": "threads", "batch": "largest batch"}
    for name, theirs in stored.conditions.environment.items():
        ours = here.conditions.environment.get(name)
        if ours is not None and ours != theirs:
            yield _condition(words.get(name, name), theirs, ours)
    if stored.conditions.shard_size != here.conditions.shard_size:
        sizes = (one.conditions.shard_size for one in (stored, here))
        yield _condition("shard size", *map(str, sizes))


def _owners(stored: Record, here: Record) -> Iterator[tuple[str, str | None, str | None]]:
    """Whose each plugin object is, with its version."""
    for what, theirs, ours in (
        ("dataset", stored.dataset, here.dataset),
        ("model", _unless_own(stored.victim.model), _unless_own(here.victim.model)),
        ("defense", stored.victim.defense, here.victim.defense),
        ("attack", stored.attack, here.attack),
        ("surrogate", stored.attack.surrogate, here.attack.surrogate),
        ("retriever", stored.scoring.retriever, here.scoring.retriever),
    ):
        yield what, theirs.owner if theirs else None, ours.owner if ours else None


def _unless_own(use: ModelUse) -> ModelUse | None:
    """A model, unless it is somebody's own, whose owner is the path that was typed."""
    return None if use.backbone == "own" else use


def _model(role: str, stored: ModelUse, here: ModelUse, made: frozenset[str]) -> Iterator[Deviation]:
    if (stored.size, stored.distance) != (here.size, here.distance):
        yield _ingredient(f"size of the {role}", f"{stored.label}, {stored.distance}", f"{here.label}, {here.distance}")
    if stored.digest != here.digest:
        yield _ingredient(f"weights of the {role}", stored.digest, here.digest, made_here=role in made)
    if _unless_own(stored):
        yield from _plugin(role, stored, here)


def _plugin(what: str, stored: PluginUse | None, here: PluginUse | None) -> Iterator[Deviation]:
    """How a plugin object differs in name and options; its version is a condition."""
    theirs, ours = (one.name if one else "none" for one in (stored, here))
    if theirs != ours:
        yield _ingredient(what, theirs, ours)
    elif stored and here and dict(stored.options) != dict(here.options):
        names = {*stored.options, *here.options}
        for name in sorted(names):
            left, right = stored.options.get(name), here.options.get(name)
            if name not in stored.options:  # a later version's, which says what was always done
                yield _condition(f"option {name} of the {what}", "absent", str(right))
            elif left != right:
                yield _ingredient(f"option {name} of the {what}", str(left), str(right))


def _mappings(stored: Mapping[str, str], here: Mapping[str, str], what: str) -> Iterator[Deviation]:
    for name in sorted({*stored, *here}):
        theirs, ours = stored.get(name, "unknown"), here.get(name, "unknown")
        if theirs != ours:
            yield _condition(what.format(name), theirs, ours)


def _fitted(record: Record) -> dict[str, Any] | None:
    """What an attack had learnt before the run, without the version that learnt it."""
    fitted = record.attack.fitted
    return None if fitted is None else {name: value for name, value in asdict(fitted).items() if name != "owner"}


def _ingredient(what: str, stored: str, here: str, *, made_here: bool = False) -> Deviation:
    return Deviation(what=what, stored=stored, here=here, cause=Cause.INGREDIENT, made_here=made_here)


def _condition(what: str, stored: str, here: str) -> Deviation:
    return Deviation(what=what, stored=stored, here=here, cause=Cause.CONDITION)
