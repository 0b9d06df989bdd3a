"""Transfer matrices: one per attack that was crafted on a surrogate."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from robusthash.results.comparing.judging import counts
from robusthash.results.comparing.keys import PluginKey, VictimKey, method_key, model_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.leaderboard.board import Transfer
from robusthash.results.records.parts import Access, ModelUse
from robusthash.results.records.record import Record
from robusthash.results.records.stages import CLEAN
from robusthash.specs import Goal

_Weights = tuple[str, int]  #: digest and size, regardless of the name


def transfers(records: Iterable[Record], names: Names) -> Iterator[Transfer]:
    """The matrices of a section by goal, then by name of the attack.

    Args:
        records: of the section, one per cell.
        names: of the section.
    """
    methods: dict[tuple[Goal, PluginKey], list[Record]] = defaultdict(list)
    for record in records:
        if counts(record):
            methods[record.attack.goal, method_key(record.attack)].append(record)
    order = list(Goal)
    sought = sorted(methods, key=lambda key: (order.index(key[0]), names.method(key[1])))
    for goal, method in sought:
        group = methods[goal, method]
        crafted = [record for record in group if record.access is Access.TRANSFER]
        if crafted:
            yield _matrix(names.method(method), crafted, group, names)


def _matrix(name: str, crafted: Sequence[Record], group: Iterable[Record], names: Names) -> Transfer:
    sources: dict[_Weights, str] = {}
    cells: dict[tuple[_Weights, VictimKey], Record] = {}
    for record in crafted:
        if record.attack.surrogate:
            source = _weights(record.attack.surrogate)
            sources[source] = names.surrogate(model_key(record.attack.surrogate))
            cells[source, victim_key(record)] = record
    for record in group:
        # On a defended victim, the white-box attack is crafted through the defense, not on the bare model.
        victim, own = record.victim, _weights(record.victim.model)
        if record.access is Access.WHITE_BOX and victim.defense is None and own in sources:
            cells[own, victim_key(record)] = record
    victims = {victim: record for (_, victim), record in cells.items()}
    columns = sorted(victims, key=names.victim)
    rows = sorted(sources, key=lambda source: sources[source])
    after = {cell: record.measure().value for cell, record in cells.items()}
    return Transfer(
        attack=name,
        goal=crafted[0].attack.goal,
        surrogates=tuple(sources[source] for source in rows),
        victims=tuple(names.victim(victim) for victim in columns),
        clean=tuple(victims[victim].measure(CLEAN).value for victim in columns),
        after=tuple(tuple(after.get((source, victim)) for victim in columns) for source in rows),
    )


def _weights(model: ModelUse) -> _Weights:
    return model.digest, model.size
