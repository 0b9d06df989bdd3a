"""What speaks against the records of a submission, one by one and beside others. Needs no arrays."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robusthash.results.comparing.comparable import Comparable
from robusthash.results.comparing.consistency import flagged
from robusthash.results.comparing.keys import reference_key
from robusthash.results.records.flat import flatten
from robusthash.results.records.record import Record
from robusthash.results.rendering.escaping import visible
from robusthash.results.submission.description import Description
from robusthash.results.submission.finding import Check, Finding
from robusthash.specs import Role

_LONGEST_NAME = 120  #: characters
_LONGEST_TEXT = 2000
_NAMES = frozenset({"name", "owner", "backbone", "headline", "relevance"})
_MARKUP = frozenset("<>|`$\\\"'{}")  #: no plugin's name has any


def check_texts(record: Record, where: Path) -> Iterator[Finding]:
    """Names and options that would have to be escaped wherever they are shown."""
    for path, name, text in _texts(flatten(record)):
        longest = _LONGEST_NAME if name in _NAMES else _LONGEST_TEXT
        if len(text) > longest:
            problem = f"has {len(text)} characters, more than {longest}"
        elif not text.isprintable():
            problem = "has a character that does not print"
        elif name in _NAMES and _MARKUP & set(text):
            problem = "has a character of markup"
        else:
            continue
        message = f"{visible(path[:200])}: {visible(text[:60])!r} {problem}"
        yield Finding(check=Check.TEXT, where=where, message=message, hint="rename it, and evaluate again")


def check_weights(record: Record, where: Path, description: Description) -> Iterator[Finding]:
    """Models whose weights nobody could find."""
    models = (record.victim.model, *([record.attack.surrogate] if record.attack.surrogate else []))
    for model in models:
        if not description.tells(model.digest):
            yield Finding(
                check=Check.WEIGHTS,
                where=where,
                message=f"nothing says how the weights of {model.name} {model.label} are found",
                hint=f'[[weights]] digest = "{model.digest[:12]}" with a url or a command in submission.toml',
            )


def check_flags(records: Mapping[Path, Record], allowed: frozenset[str]) -> Iterator[Finding]:
    """Failed soundness checks, those between records included.

    Args:
        records: of a submission by file.
        allowed: ids of checks that may fail.
    """
    for where, record in zip(records, flagged(records.values()), strict=True):
        for flag in record.outcome.flags:
            if flag.id not in allowed:
                hint = "docs/soundness.md says what it means; --allow lets it pass"
                yield Finding(check=Check.FLAGS, where=where, message=f"{flag.id}: {flag.message}", hint=hint)


def check_references(records: Mapping[Path, Record]) -> Iterator[Finding]:
    """Records without the reference attack on the same victim and queries, with the same radius and seed."""
    there = {_beside(one) for one in records.values() if one.attack.role is Role.REFERENCE}
    for where, record in records.items():
        if _beside(record) not in there:
            message = (
                f"there is no reference attack on this victim at {record.attack.radius}, seed {record.conditions.seed}"
            )
            hint = "eval runs noise beside any attack: submit its record too"
            yield Finding(check=Check.REFERENCE, where=where, message=message, hint=hint)


def check_comparable(records: Mapping[Path, Record], board: Iterable[Record]) -> Iterator[Finding]:
    """Records that would not be ranked with the others on their dataset.

    Args:
        records: of a submission by file.
        board: the records that are on the leaderboard.
    """
    ranked: dict[Hashable, set[Comparable]] = defaultdict(set)
    named: dict[str, str] = {}
    for record in board:
        ranked[_table(record)].add(Comparable.of(record))
        named.setdefault(record.dataset.digest, record.dataset.name)
    own: dict[Hashable, set[Comparable]] = defaultdict(set)
    for where, record in records.items():
        setting, seed = Comparable.of(record), record.conditions.seed
        name = named.setdefault(record.dataset.digest, record.dataset.name)
        if name != record.dataset.name:
            yield Finding(
                check=Check.COMPARABLE,
                where=where,
                message=f"it calls {record.dataset.name} what others call {name}: the data are the same",
                hint="evaluate with the dataset's own name",
            )
        # Beside others, the seed has to be theirs, too: it draws the queries.
        others = ranked.get(_table(record)) or own[_table(record), seed]
        if others and setting not in others:
            told = min((_differing(setting, one) for one in others), key=len)
            yield Finding(
                check=Check.COMPARABLE,
                where=where,
                message=f"it is not ranked with the others on {record.dataset.name}: {'; '.join(told)}",
                hint="evaluate as the others did, or rescore with their metrics",
            )
        own[_table(record), seed].add(setting)


def check_new(records: Mapping[Path, Record], board: Iterable[Record]) -> Iterator[Finding]:
    """Records that are on the leaderboard already, whatever their numbers are."""
    there = {record.digest for record in board}
    for where, record in records.items():
        if record.digest in there:
            message = "a record with this digest is on the leaderboard already"
            yield Finding(check=Check.NEW, where=where, message=message, hint="remove it from the submission")


def _beside(record: Record) -> Hashable:
    scoring = record.scoring
    return reference_key(record), scoring.headline, scoring.protocol, scoring.relevance


def _table(record: Record) -> Hashable:
    """What tells the tables of one dataset apart."""
    setting = Comparable.of(record)
    return setting.dataset, setting.direction, setting.distance, setting.norm, setting.metric


def _differing(one: Comparable, other: Comparable) -> list[str]:
    pairs = zip(asdict(one).items(), asdict(other).values(), strict=True)
    return [
        f"{name} is {str(own)[:40]}, and theirs {str(theirs)[:40]}" for (name, own), theirs in pairs if own != theirs
    ]


def _texts(content: Any, path: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """All texts in a flat record, its keys among them: where, the last name on the way, and the text."""
    if isinstance(content, str):
        yield path, name, content
    elif isinstance(content, Mapping):
        for key, one in content.items():
            yield f"{path}.{key}" if path else str(key), "name", str(key)
            yield from _texts(one, f"{path}.{key}" if path else str(key), str(key))
    elif isinstance(content, list | tuple):
        for place, one in enumerate(content):
            yield from _texts(one, f"{path}[{place}]", name)
