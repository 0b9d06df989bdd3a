"""Suites: requests in TOML files."""

import tomllib
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from robusthash.epsilon import parse_edits, parse_radius
from robusthash.errors import InputError, OptionError
from robusthash.evaluation.planning.fitted import read_fitted, with_fitted
from robusthash.evaluation.planning.request import AUTO, Request, RunSettings
from robusthash.files.opening import read_file
from robusthash.files.paths import read_path
from robusthash.specs import NAMED_WEIGHTS, Direction, Precision, Relevance

Choice = TypeVar("Choice", bound=StrEnum)
Item = TypeVar("Item")

Some = Annotated[list[Item], msgspec.Meta(min_length=1)]
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("models", "attacks", "fitted", "surrogates", "defenses", "directions", "metrics"), Some[str]),
    **dict.fromkeys(("bits", "qualities"), Some[int]),
    "epsilons": Some[str | float],
    "edits": Some[int | str],
    "vary": dict[str, dict[str, Some[Any]]],
    "options": dict[str, dict[str, Any]],
    **dict.fromkeys(("image_size", "queries", "seed", "shard_size"), int),
    **dict.fromkeys(("dataset", "data_root", "backbone", "weights", "checkpoint"), str),
    **dict.fromkeys(("retriever", "relevance", "device", "precision"), str),
    "compiled": bool,
}  #: by the fields of a request and of its setting

#: Keys of a suite that are not a field: the names of options. A list may also be named in the plural.
_OPTIONS = {
    **{f"{name.removesuffix('s')}": name for name in ("models", "attacks", "surrogates", "defenses", "directions")},
    "epsilon": "epsilons",
    "metric": "metrics",
    "jpeg": "qualities",
    "compile": "compiled",
}


def read_suite(path: Path) -> Request:
    """Reads a suite. Its keys are the names of the options of ``robusthash eval``, and options of plugins are tables.

    A key that may be repeated on the command line has a value or a list, and may be named in the plural.

    ::

        models = ["dpsh", "hashnet"]
        attacks = ["rnm", "rnm-p2s"]
        bits = [16, 32]
        epsilons = ["8/255", 0.1, "l2:0.5"]
        dataset = "digits"

        [options.rnm]
        steps = 200

        [vary.rnm-p2s]
        steps = [10, 100, 1000]

    ``data_root``, ``checkpoint``, a file of ``weights`` and the files of ``fitted`` attacks are relative to the file's
    folder.

    Args:
        path: of the file.

    Raises:
        InputError: the file cannot be read or is not TOML, a key is unknown, or a value has the wrong type.
        OptionError: a value is invalid.
        CheckpointError: a fitted attack cannot be read.
    """
    content = _fields(path, _content(path))
    if "models" not in content:
        raise InputError(f"suite {path} names no models", hint='models = ["..."]')

    def beside(name: str, value: str) -> Path:
        return path.parent / read_path(value, f"suite {path}: {name}")

    readers: dict[str, Callable[[Any], Any]] = {
        "epsilons": lambda values: tuple(parse_radius(str(value)) for value in values),
        "edits": lambda values: tuple(parse_edits(str(value)) for value in values),
        "vary": lambda sweeps: {
            owner: {field: tuple(values) for field, values in one.items()} for owner, one in sweeps.items()
        },
        "precision": lambda value: parse_choice(Precision, "precision", value),
        "relevance": lambda value: parse_choice(Relevance, "relevance", value),
        "directions": lambda values: tuple(parse_choice(Direction, "directions", value) for value in values),
        "weights": lambda value: value if value in NAMED_WEIGHTS else str(beside("weights", value)),
        "fitted": lambda values: read_fitted(beside("fitted", value) for value in values),
        **{name: partial(beside, name) for name in ("data_root", "checkpoint")},
    }
    read = {name: readers.get(name, _frozen)(_typed(path, name, value)) for name, value in content.items()}
    setting = {"dataset": AUTO} | {
        entry.name: read.pop(entry.name) for entry in fields(RunSettings) if entry.name in read
    }
    attacks = with_fitted(read.pop("attacks", None), read.pop("fitted", ()))
    return Request(**read, attacks=attacks, setting=RunSettings(**setting))


def _fields(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The values of a suite by field.

    Raises:
        InputError: a key is unknown, or two are the same option.
    """
    unknown = sorted(key for key in content if _field(key) not in _TYPES)
    if unknown:
        known = ", ".join(sorted({*_OPTIONS, *_TYPES} - {"qualities", "compiled"}))
        raise InputError(f"suite {path} has unknown keys {unknown}", hint=f"known: {known}")
    found: dict[str, Any] = {}
    for key, value in content.items():
        field = _field(key)
        if field in found:
            raise InputError(f"suite {path} has {field} twice, once as {key}", hint="keep one of them")
        one = key in _OPTIONS and field != "compiled" and not isinstance(value, list)
        found[field] = [value] if one or (key in ("bits", "edits") and isinstance(value, int | str)) else value
    return found


def _field(key: str) -> str:
    name = key.replace("-", "_")
    return _OPTIONS.get(name, name)


def parse_choice(choices: type[Choice], what: str, name: str) -> Choice:
    """A member of an enumeration, by its value.

    Args:
        choices: the enumeration.
        what: what is chosen, for the error.
        name: value of the member.

    Raises:
        OptionError: there is no such member.
    """
    try:
        return choices(name)
    except ValueError:
        raise OptionError(f"unknown {what} {name!r}", hint=f"one of: {', '.join(choices)}") from None


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_file(path).decode())
    except OSError as error:
        raise InputError(
            f"cannot read suite {path}: {error.strerror or error}", hint="name an existing TOML file"
        ) from error
    except (ValueError, RecursionError) as error:  # TOML's own errors, and those of Python's readers
        raise InputError(
            f"suite {path} is not TOML: {error}", hint="see the example in the docs, Quickstart"
        ) from error


def _typed(path: Path, name: str, value: object) -> Any:
    try:
        return msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError as error:
        raise InputError(f"suite {path}: {name}: {error}", hint="see the example in the docs, Quickstart") from None


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
