"""Suites: requests in TOML files."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from robusthash.contracts import Precision
from robusthash.epsilon import parse_epsilon
from robusthash.errors import InputError, OptionError
from robusthash.evaluation.planning.request import Request, RunSettings
from robusthash.metrics import Relevance
from robusthash.specs import Direction

Choice = TypeVar("Choice", bound=StrEnum)


def read_suite(path: Path) -> Request:
    """Reads a suite: fields of a request and of its setting are top-level keys, options are tables.

    ::

        models = ["dpsh", "hashnet"]
        attacks = ["rnm", "rnm-p2s"]
        bits = [16, 32]
        epsilons = ["8/255", 0.1]
        dataset = "digits"

        [options.rnm]
        steps = 200

        [vary.rnm-p2s]
        steps = [10, 100, 1000]

    ``data_root`` and ``checkpoint`` are relative to the file's folder.

    Args:
        path: of the file.

    Raises:
        InputError: the file cannot be read or is not TOML, a key is unknown, or a list is missing.
        OptionError: a value is invalid.
    """
    content = _content(path)
    grid = {entry.name for entry in fields(Request)} - {"setting"}
    common = {entry.name for entry in fields(RunSettings)}
    unknown = sorted(set(content) - grid - common)
    if unknown:
        raise InputError(f"suite {path} has unknown keys {unknown}", hint=f"known: {', '.join(sorted(grid | common))}")
    if "models" not in content:
        raise InputError(f"suite {path} names no models", hint='models = ["..."]')
    readers: dict[str, Callable[[str, Any], Any]] = {
        **dict.fromkeys(("models", "attacks", "surrogates", "bits", "defenses", "metrics", "qualities"), _tuple),
        "epsilons": lambda name, value: tuple(parse_epsilon(str(epsilon)) for epsilon in _tuple(name, value)),
        "vary": _sweeps,
        "precision": lambda name, value: parse_choice(Precision, name, value),
        "relevance": lambda name, value: parse_choice(Relevance, name, value),
        "directions": lambda name, value: tuple(parse_choice(Direction, name, one) for one in _tuple(name, value)),
        **dict.fromkeys(("data_root", "checkpoint"), lambda _name, value: path.parent / value),
    }
    try:
        read = {name: readers.get(name, _as_it_is)(name, value) for name, value in content.items()}
    except _NoListError as error:
        raise InputError(f"suite {path}: {error} is not a list, or is empty", hint=f"{error} = [...]") from None
    setting = {name: read.pop(name) for name in common & set(read)}
    return Request(**read, setting=RunSettings(**setting))


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


class _NoListError(Exception):
    """A value that must be a list is not one, or is empty; the text is its key."""


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read suite {path}: {error.strerror}", hint="name an existing TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"suite {path} is not TOML: {error}", hint="see the example in the docs, Quickstart"
        ) from error


def _as_it_is(_name: str, value: object) -> object:
    return value


def _tuple(name: str, value: object) -> tuple[Any, ...]:
    if not isinstance(value, list) or not value:
        raise _NoListError(name)
    return tuple(value)


def _sweeps(name: str, value: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, tuple[Any, ...]]]:
    return {
        owner: {field: _tuple(f"{name}.{owner}.{field}", values) for field, values in one.items()}
        for owner, one in value.items()
    }
