"""Reading a record from disk, whoever wrote it: its names and the values that the tables need are checked."""

import json
from collections.abc import Iterator
from pathlib import Path

from robusthash.errors import InputError
from robusthash.results.records.record import Record
from robusthash.specs import Goal

_TEXTS = {
    "": ("digest", "goal", "relevance", "created"),
    "dataset": ("name", "digest", "query_digest"),
    "model": ("name", "digest", "backbone", "owner"),
    "defense": ("name", "owner"),
    "attack": ("name", "owner"),
    "surrogate": ("name", "digest", "backbone", "owner"),
}
_NUMBERS = {
    "": ("epsilon", "seed"),
    "dataset": ("queries", "database"),
    "model": ("bits",),
    "surrogate": ("bits",),
    "cost": ("forward", "backward", "seconds"),
}
_MAPPINGS = {"attack": ("options",), "defense": ("options",), "": ("metrics", "protocols")}
_TABLES = {"": ("floors", "imagery")}


def read_record(path: Path) -> Record:
    """Reads one record.

    Raises:
        InputError: it cannot be read, or is not a whole record.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}", hint="remove it, or evaluate again") from error
    record = Record.from_json(text, str(path))
    defect = next(_defects(json.loads(text)), None)
    if defect is not None:
        raise InputError(f"{path} is not a record: {defect}", hint="remove it, or evaluate again")
    return record


def _defects(content: dict[str, object]) -> Iterator[str]:
    """What is wrong with the values of a record whose names are right."""
    for wanted, kind, fits in _WANTED:
        for where, names in wanted.items():
            part = content.get(where) if where else content
            absent = [] if part is None else [name for name in names if not fits(_get(part, name))]
            yield from (f"{where or 'it'} has no {kind} {name!r}" for name in absent)
    if content["goal"] not in tuple(Goal):
        yield f"goal is {content['goal']!r}"
    yield from _metric_defects(content)


def _metric_defects(content: dict[str, object]) -> Iterator[str]:
    protocols = content["protocols"]
    if not isinstance(protocols, dict) or not protocols or not all(isinstance(one, str) for one in protocols.values()):
        yield "protocols names no metric"
        return
    prefixes = ("", "t-") if content["goal"] == Goal.TARGETED else ("",)
    for stage in ("clean", "adversarial"):
        for name in (f"{prefix}{metric}" for metric in sorted(protocols) for prefix in prefixes):
            if not _is_table(_get(_get(content["metrics"], stage), name)):
                yield f"metrics has no {name} of the {stage} queries"


def _get(content: object, name: str) -> object:
    return content.get(name) if isinstance(content, dict) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(_is_number(one) for one in value.values())


_WANTED = (
    (_TEXTS, "text", _is_text),
    (_NUMBERS, "number", _is_number),
    (_MAPPINGS, "mapping", _is_dict),
    (_TABLES, "table of numbers", _is_table),
)
