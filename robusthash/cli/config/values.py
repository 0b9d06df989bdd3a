"""Values of a configuration file as the commands take them: checked against the types of the options."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from robusthash.cli.config.keys import Key
from robusthash.cli.input.names import NameOrPath
from robusthash.cli.input.numbers import RADIUS, Real, Whole
from robusthash.cli.input.paths import AnyPath
from robusthash.errors import UsageError
from robusthash.files.paths import read_path

_SCALARS = (str, bool, int, float)


class WrongValueError(Exception):
    """A value is not what its key takes; the message says what is wrong, as the rest of a sentence."""


def value_of(key: Key, value: object, folder: Path) -> Any:
    """A value as the key's parameter takes it.

    Args:
        key: the key.
        value: from the file.
        folder: of the file, which paths are relative to.

    Raises:
        WrongValueError: it has another type.
    """
    if key.table:
        texts = _sweeps(value) if key.field == "vary" else _options(value)
        return tuple(texts)
    if not key.repeatable:
        if isinstance(value, list):
            raise WrongValueError(f"is a list, and this command takes one {key.name}")
        return _one(key, value, folder)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise WrongValueError("is an empty list; leave it out, or name at least one")
    return tuple(_one(key, one, folder) for one in values)


def wanted(key: Key) -> str:
    """What one value of a key is, in words."""
    kind = key.parameter.type
    if isinstance(key.parameter, click.Option) and key.parameter.is_flag:
        return "true or false"
    if isinstance(kind, Whole):
        return "a whole number"
    if isinstance(kind, Real):
        return "a number"
    if kind is RADIUS:
        return "a number, or a text such as '8/255' or 'words:3'"
    return "a path" if isinstance(kind, AnyPath) else "a text"


def _one(key: Key, value: object, folder: Path) -> Any:
    kind = key.parameter.type
    flag = isinstance(key.parameter, click.Option) and key.parameter.is_flag
    fits: tuple[type, ...] = (bool,) if flag else (int,) if isinstance(kind, Whole) else (str,)
    if kind is RADIUS:
        fits = (str, int, float)
    if isinstance(kind, Real):
        fits = (int, float)
    if not isinstance(value, fits) or (isinstance(value, bool) and not flag):
        raise WrongValueError(f"is {_told(value)}, not {wanted(key)}")
    if not isinstance(value, str):
        return value
    if isinstance(kind, click.Choice) and value not in kind.choices:
        raise WrongValueError(f"is {value!r}, not one of {', '.join(map(str, kind.choices))}")
    if isinstance(kind, AnyPath) or (isinstance(kind, NameOrPath) and value not in kind.words):
        try:
            path = folder / read_path(value, key.name)
        except UsageError as error:
            raise WrongValueError(f"is no path: {error.message}") from error
        return path if isinstance(kind, AnyPath) else str(path)
    return value


def _options(value: object) -> Iterator[str]:
    """A table of options by plugin, as the command line has them: ``rnm.steps=200``."""
    for owner, fields in _tables(value):
        for name, one in fields.items():
            yield f"{owner}.{name}={_text(one, f'{owner}.{name}')}"


def _sweeps(value: object) -> Iterator[str]:
    """A table of the values of a sweep, as the command line has them: ``rnm.steps=10,100``."""
    for owner, fields in _tables(value):
        for name, values in fields.items():
            if not isinstance(values, list) or not values:
                raise WrongValueError(f"has {owner}.{name}, which is {_told(values)}, not a list of values")
            texts = [_text(one, f"{owner}.{name}") for one in values]
            if any("," in text for text in texts):
                raise WrongValueError(f"has {owner}.{name} with a value of several parts, which cannot be varied")
            yield f"{owner}.{name}={','.join(texts)}"


def _tables(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(value, dict):
        raise WrongValueError(f"is {_told(value)}, not a table of plugins")
    for owner, fields in value.items():
        if not isinstance(fields, dict):
            raise WrongValueError(f"has {owner}, which is {_told(fields)}, not a table of its options")
        yield owner, fields


def _text(value: object, name: str) -> str:
    """A value as it is written after ``=`` on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(one, name) for one in value)
    if isinstance(value, _SCALARS):
        return str(value)
    raise WrongValueError(f"has {name}, which is {_told(value)}, not a value of an option")


def _told(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}
    name = names.get(type(value), "a table" if isinstance(value, dict) else "a date or a time")
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"{name}, {shown}" if isinstance(value, _SCALARS) and len(shown) <= 40 else name
