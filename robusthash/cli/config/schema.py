"""The JSON schema of a configuration file, made of the options themselves: editors complete and check keys with it."""

import re
from typing import Any

import click

from robusthash.cli.config.keys import Key, configured, keys_of
from robusthash.cli.input.names import OneOf, PluginName
from robusthash.cli.input.numbers import RADIUS, Real, Whole

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_OPTION: dict[str, Any] = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
_SWEEP: dict[str, Any] = {"type": "array", "minItems": 1, "items": _SCALAR}


def schema() -> dict[str, Any]:
    """The schema, as JSON values (draft 2020-12)."""
    commands = {name: keys_of(command) for name, command in configured().items()}
    shared: dict[str, list[Key]] = {}
    for keys in commands.values():
        for key in keys:
            shared.setdefault(key.name, []).append(key)
    tables = {
        name: {
            "type": "object",
            "description": f"Of robusthash {name} alone; goes before what is set for all commands.",
            **_object(list(keys)),
        }
        for name, keys in commands.items()
    }
    # The most general of the keys of one name: a command that takes several, where another takes one.
    widest = [max(keys, key=lambda key: key.repeatable) for keys in shared.values()]
    content = _object(widest)
    for name, table in tables.items():
        there = content["properties"].get(name)
        content["properties"][name] = {"anyOf": [there, table]} if there else table
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "robusthash",
        "description": "A file for robusthash COMMAND --config FILE. Keys are the names of options.",
        "type": "object",
        **content,
    }


def _object(keys: list[Key]) -> dict[str, Any]:
    """The keys by name. Other spellings are patterns, which no editor suggests."""
    return {
        "properties": {key.name: _value(key) for key in keys},
        "patternProperties": {
            f"^{re.escape(spelling)}$": _value(key) for key in keys for spelling in key.spellings[1:]
        },
        "additionalProperties": False,
    }


def _value(key: Key) -> dict[str, Any]:
    if key.table:
        inner = _SWEEP if key.field == "vary" else _OPTION
        found: dict[str, Any] = {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": inner},
        }
    elif key.repeatable:
        found = {"anyOf": [_one(key), {"type": "array", "minItems": 1, "items": _one(key)}]}
    else:
        found = _one(key)
    text = getattr(key.parameter, "help", None)
    return {"description": text, **found} if text else found


def _one(key: Key) -> dict[str, Any]:
    parameter = key.parameter
    kind = parameter.type
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return {"type": "boolean"}
    if isinstance(kind, Whole):
        bounds = {"minimum": kind.least} | ({} if kind.most is None else {"maximum": kind.most})
        return {"type": "integer", **bounds}
    if isinstance(kind, Real):
        return {"type": "number", "minimum": kind.least, "maximum": kind.most}
    if kind is RADIUS:
        return {"type": ["string", "number"]}
    if isinstance(kind, click.Choice):
        return {"enum": list(kind.choices)}
    if isinstance(kind, OneOf) and not isinstance(kind, PluginName):
        return {"anyOf": [{"enum": list(kind.words)}, {"type": "string"}]}
    return {"type": "string"}
