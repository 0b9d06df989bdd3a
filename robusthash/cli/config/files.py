"""Reads configuration files. Whatever is wrong in one is an error with the file, the line, and the near miss."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from robusthash.cli.config.keys import Key, configured, keys_of
from robusthash.cli.config.lines import line_of
from robusthash.cli.config.values import WrongValueError, value_of
from robusthash.errors import InputError
from robusthash.files.opening import read_file
from robusthash.results.rendering.escaping import visible

PROJECT = "pyproject.toml"  #: a file whose table ``[tool.robusthash]`` is read

_TABLE = ("tool", "robusthash")
_OTHERS = frozenset({"gate"})  #: tables of that table that are other files' business
_MOST = 1 << 20  #: bytes of a file


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value of a file.

    Attributes:
        value: as the parameter takes it.
        lines: the lines that it stands on; of a table, those of all of its entries, by ``plugin.field``.
    """

    value: Any
    lines: Mapping[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Config:
    """A file, whose keys are known.

    Attributes:
        path: of the file.
        text: its content.
        at: the names of the tables that the keys are in.
        content: the keys and their values.
    """

    path: Path
    text: str
    at: tuple[str, ...]
    content: Mapping[str, Any]

    def of(self, command: str) -> dict[str, Setting]:
        """The values of a command by parameter: those of its own table, and else those at the top.

        Args:
            command: name of the command.

        Raises:
            InputError: a value has another type than the command takes.
        """
        keys = keys_of(configured()[command])
        own = self.content[command] if _is_table(command, self.content.get(command)) else {}
        found: dict[str, Setting] = {}
        top = {name: value for name, value in self.content.items() if not _is_table(name, value)}
        for within, values in ((self.at, top), ((*self.at, command), own)):
            for key in keys:
                written = [name for name in key.spellings if name in values]
                if len(written) > 1:
                    raise self.error(f"{written[0]} and {written[1]} are the same option", (*within, written[1]))
                for name in written:
                    found[key.field] = self._merged(found.get(key.field), key, name, values[name], within)
        return found

    def error(self, message: str, path: tuple[str, ...], hint: str = "robusthash config schema") -> InputError:
        """An error at a key.

        Args:
            message: what is wrong.
            path: the key, after the names of its tables.
            hint: how to fix it.
        """
        line = line_of(self.text, path)
        place = f"{self.path}:{line}" if line else str(self.path)
        return InputError(f"{place}: {visible(message)}", hint=hint)

    def _merged(self, before: Setting | None, key: Key, name: str, value: Any, within: tuple[str, ...]) -> Setting:
        """A value, and of tables also what the top says and the command's own table does not."""
        try:
            new = value_of(key, value, self.path.parent)
        except WrongValueError as error:
            raise self.error(f"{name} {error}", (*within, name)) from None
        if not key.table:
            return Setting(value=new, lines={"": line_of(self.text, (*within, name))})
        lines = {}
        for text in new:
            owner, _, field = text.partition("=")[0].rpartition(".")
            lines[f"{owner}.{field}"] = line_of(self.text, (*within, name, owner, field))
        if before is None:
            return Setting(value=new, lines=lines)
        return Setting(value=joined(before.value, new), lines={**before.lines, **lines})


def joined(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    """Assignments, of which later ones replace earlier ones of the same option.

    >>> joined(["rnm.steps=1", "rnm.p=2"], ["rnm.steps=3"])
    ('rnm.p=2', 'rnm.steps=3')
    """
    new = tuple(after)
    replaced = {text.partition("=")[0] for text in new}
    return (*(text for text in before if text.partition("=")[0] not in replaced), *new)


def read_config(path: Path) -> Config:
    """Reads a file, and checks its keys: those of every command, whichever is run.

    Args:
        path: of a TOML file; of ``pyproject.toml``, its table ``[tool.robusthash]`` is read.

    Raises:
        InputError: it cannot be read, is not TOML, or a key is unknown.
    """
    try:
        text = read_file(path, at_most=_MOST).decode("utf-8-sig")
        content: Any = tomllib.loads(text)
    except OSError as error:
        raise InputError(
            f"cannot read the configuration {path}: {error.strerror or error}", hint="name an existing TOML file"
        ) from error
    except (ValueError, RecursionError) as error:  # TOML's own errors, and those of Python's readers
        raise InputError(f"{path} is not TOML: {visible(str(error))}", hint="fix the file") from error
    at: tuple[str, ...] = ()
    if path.name == PROJECT:
        at = _TABLE
        for name in _TABLE:
            content = content.get(name) if isinstance(content, dict) else None
        if not isinstance(content, dict):
            raise InputError(f"{path} has no table [tool.robusthash]", hint="write one, or name another file")
        content = {name: value for name, value in content.items() if name not in _OTHERS}
    config = Config(path=path, text=text, at=at, content=content)
    _check(config)
    return config


def _check(config: Config) -> None:
    """Refuses unknown keys, at the top and in each command's table.

    Raises:
        InputError: there is one.
    """
    commands = {name: keys_of(command) for name, command in configured().items()}
    known = {spelling for keys in commands.values() for key in keys for spelling in key.spellings}
    names = {key.name for keys in commands.values() for key in keys} | commands.keys()
    for name, value in config.content.items():
        if _is_table(name, value):
            own = {spelling for key in commands[name] for spelling in key.spellings}
            for inner in value:
                if inner not in own:
                    shown = {key.name for key in commands[name]}
                    what = f"unknown key {inner!r} of the command {name}"
                    raise config.error(what, (*config.at, name, inner), _near(inner, own, shown))
        elif name not in known:
            raise config.error(
                f"unknown key {name!r}",
                (*config.at, name),
                _near(name, known | names, names),
            )


def _is_table(name: str, value: object) -> bool:
    """Whether a key is the table of a command: ``attack`` may be a command, and an option of others."""
    return name in configured() and isinstance(value, dict)


def _near(name: str, known: Iterable[str], shown: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    told = f"known: {', '.join(sorted(shown))}"
    return f"did you mean {near[0]!r}? {told}" if near else told
