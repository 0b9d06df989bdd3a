"""How attacks carry over from model to model: one matrix for each attack that was crafted on a surrogate."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from robusthash.results.comparing.judging import counts, judged
from robusthash.results.comparing.naming import Names, PluginKey, VictimKey, as_run, plugin_key, victim_key
from robusthash.results.leaderboard.board import Transfer
from robusthash.results.records.parts import Access, ModelUse
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN
from robusthash.specs import Goal

_Weights = tuple[str, int]  #: digest and bits: the same model, whatever it is called


def transfers(records: Iterable[Record], names: Names, metric: str) -> Iterator[Transfer]:
    """The matrices of one section, goal after goal, attacks by name.

    Args:
        records: of the section, one a cell.
        names: in the section.
        metric: shown there.
    """
    methods: dict[tuple[int, str, PluginKey], list[Record]] = defaultdict(list)
    for record in records:
        if counts(record):
            goal = tuple(Goal).index(Goal(record.attack.goal))
            methods[goal, names.method(record), plugin_key(as_run(record))].append(record)
    for _, group in sorted(methods.items()):
        crafted = [record for record in group if record.access is Access.TRANSFER]
        if crafted:
            yield _matrix(crafted, group, names, metric)


def _matrix(crafted: Sequence[Record], group: Iterable[Record], names: Names, metric: str) -> Transfer:
    sources: dict[_Weights, str] = {}
    cells: dict[tuple[_Weights, VictimKey], Record] = {}
    for record in crafted:
        if record.attack.surrogate:
            sources[_weights(record.attack.surrogate)] = names.surrogate(record.attack.surrogate)
            cells[_weights(record.attack.surrogate), victim_key(record)] = record
    for record in group:
        # Behind a defense, the white-box attack sees the defense too: it is not the one that the bare model gives.
        if (
            record.access is Access.WHITE_BOX
            and record.victim.defense is None
            and _weights(record.victim.model) in sources
        ):
            cells[_weights(record.victim.model), victim_key(record)] = record
    victims = {victim: record for (_, victim), record in cells.items()}
    columns = sorted(victims, key=lambda victim: names.victim(victims[victim]))
    rows = sorted(sources, key=lambda source: sources[source])

    def after(source: _Weights, victim: VictimKey) -> float | None:
        record = cells.get((source, victim))
        return judged(record, ADVERSARIAL, metric).value if record else None

    return Transfer(
        attack=names.method(crafted[0]),
        goal=crafted[0].attack.goal,
        surrogates=tuple(sources[source] for source in rows),
        victims=tuple(names.victim(victims[victim]) for victim in columns),
        clean=tuple(judged(victims[victim], CLEAN, metric).value for victim in columns),
        after=tuple(tuple(after(source, victim) for victim in columns) for source in rows),
    )


def _weights(model: ModelUse) -> _Weights:
    return model.digest, model.size
