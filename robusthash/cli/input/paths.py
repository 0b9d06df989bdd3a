"""The type of the options that take a path: anything that the system takes for one, with ``~`` expanded."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.files.paths import read_path

if TYPE_CHECKING:
    _Path = click.ParamType[Path]
    _Text = click.ParamType[str]
else:
    _Path = _Text = click.ParamType  # click 8.2 has no type parameter here


class AnyPath(_Path):
    """A path, whether or not something is there."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002, D102 - as in the base class
        what = param.opts[0] if isinstance(param, click.Option) else (param.human_readable_name if param else "path")
        return value if isinstance(value, Path) else read_path(value, what)


class NameOrPath(_Text):
    """One of some names, or else a path, as a text.

    Args:
        names: what is no path.
    """

    name = "name or path"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002, D102 - as in the base class
        return str(value)


PATH = AnyPath()
