"""Converts an option's text, or its value from TOML or Python, to the type of its field."""

import math
import types
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from robusthash.errors import ContractError, UsageError
from robusthash.files.paths import read_path
from robusthash.limits import LARGEST
from robusthash.numerals import ratio, whole


class Refused(Exception):  # noqa: N818 - control flow, caught by the caller
    """The value does not have the type. Internal: the caller turns it into an OptionError."""


def fit(value: Any, hint: Any) -> Any:
    """The value, converted to the type.

    Args:
        value: a text is parsed; anything else must already have the type.
        hint: a scalar type, an enum, a ``Literal``, a ``tuple``, a union of these.

    Raises:
        Refused: it cannot be converted.
        ContractError: options cannot have this type.
    """
    if hint in _READERS:
        return _READERS[hint](value)
    if is_choice(hint):
        for choice in choices(hint):
            if (value == choice and type(value) is type(choice)) or value == str(plain(choice)):
                return choice
        raise Refused
    if get_origin(hint) in {Union, types.UnionType}:
        return _fit_any(value, get_args(hint))
    if get_origin(hint) is tuple:
        return _fit_tuple(value, get_args(hint))
    raise ContractError(f"an option cannot have the type {type_name(hint)}", hint="use scalars, enums or tuples")


def _fit_any(value: Any, hints: tuple[Any, ...]) -> Any:
    # None first: the text 'none' is also a str.
    for hint in sorted(hints, key=lambda hint: hint is not types.NoneType):
        try:
            return fit(value, hint)
        except Refused:
            continue
    raise Refused


def _fit_tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value.strip() else []
    if not isinstance(value, list | tuple):
        raise Refused
    if hints[-1:] == (Ellipsis,):
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise Refused
    return tuple(fit(part, hint) for part, hint in zip(value, hints, strict=True))


def is_choice(hint: Any) -> bool:
    """Whether the type is a ``Literal`` or an enum."""
    return get_origin(hint) is Literal or (isinstance(hint, type) and issubclass(hint, Enum))


def choices(hint: Any) -> tuple[Any, ...]:
    """The values of a ``Literal`` or an enum."""
    return get_args(hint) if get_origin(hint) is Literal else tuple(hint)


def _read_none(value: Any) -> None:
    if value is not None and not (isinstance(value, str) and value.lower() == "none"):
        raise Refused


def _read_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise Refused


def _read_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return value
    try:
        return whole(_text(value))
    except ValueError:
        raise Refused from None


def _read_float(value: Any) -> float:
    try:
        given = isinstance(value, int | float) and not isinstance(value, bool)
        number = float(value) if given else ratio(_text(value))
    except (ValueError, ArithmeticError):
        raise Refused from None
    if math.isnan(number):
        raise Refused
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused
    return value


def _read_path(value: Any) -> Path:
    if isinstance(value, Path):
        return value
    try:
        return read_path(_text(value), "option")
    except UsageError:
        raise Refused from None


_READERS: dict[Any, Callable[[Any], Any]] = {
    types.NoneType: _read_none,
    bool: _read_bool,
    int: _read_int,
    float: _read_float,
    str: _text,
    Path: _read_path,
}
_WORDS: dict[Any, str] = {
    types.NoneType: "none",
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
}


def type_name(hint: Any) -> str:
    """A type in words, as in ``number or none``."""
    if hint in _WORDS:
        return _WORDS[hint]
    if is_choice(hint):
        return f"one of {', '.join(str(plain(choice)) for choice in choices(hint))}"
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join(type_name(part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        if parts[-1:] == (Ellipsis,):
            return f"comma-separated list of {type_name(parts[0])}"
        return f"{len(parts)} comma-separated values: {', '.join(type_name(part) for part in parts)}"
    return getattr(hint, "__name__", str(hint))


def plain(value: Any) -> Any:
    """The value as JSON: enums and paths as texts, tuples as lists, infinities as ``"inf"``.

    Raises:
        ContractError: it has no JSON form.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    raise ContractError(f"option value {value!r} has no JSON form", hint="use scalars, enums or tuples")
