"""Names of records in a figure: as short as they can be while they differ."""

from collections import Counter
from collections.abc import Iterable, Sequence

from robusthash.errors import InputError
from robusthash.results.comparing.keys import attack_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.records.record import Record

_DIGITS = 6  #: of a digest


def attack_names(records: Sequence[Record]) -> list[str]:
    """A name for the attack of each record; one that several have is followed by what differs: radius, seed, digest.

    Args:
        records: of one victim.
    """
    names = Names.of(records)
    found = [names.attack(attack_key(record.attack)) for record in records]
    for differing in (
        [str(record.attack.radius) for record in records],
        [f"seed {record.conditions.seed}" for record in records],
        [record.digest[:_DIGITS] for record in records],
    ):
        twice = {name for name, count in Counter(found).items() if count > 1}
        if len(set(differing)) > 1:
            found = [f"{name}, {more}" if name in twice else name for name, more in zip(found, differing, strict=True)]
    return found


def victim_name(records: Iterable[Record]) -> str:
    """The name of the one victim of some records, with its dataset.

    Raises:
        InputError: they are of several victims, or of several sets of queries.
    """
    records = list(records)
    names = Names.of(records)
    found = {
        (record.dataset.query_digest, victim_key(record)): (
            f"{names.victim(victim_key(record))}, {record.dataset.name}, {record.dataset.queries} queries"
        )
        for record in records
    }
    if len(found) > 1:
        raise InputError(
            f"the records are of several victims or sets of queries: {'; '.join(sorted(found.values()))}",
            hint="choose one with --model and --dataset, or a results folder of its own",
        )
    return next(iter(found.values()))
