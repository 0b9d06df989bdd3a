"""The type of the options that take a path: anything that the system takes for one, with ``~`` expanded."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from robusthash.files.paths import read_path

if TYPE_CHECKING:
    _Path = click.ParamType[Path]
else:
    _Path = click.ParamType  # click 8.2 has no type parameter here


class AnyPath(_Path):
    """A path, whether or not something is there."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002, D102 - as in the base class
        what = param.opts[0] if isinstance(param, click.Option) else (param.human_readable_name if param else "path")
        return value if isinstance(value, Path) else read_path(value, what)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002, D102 - as in the base class
        return [CompletionItem(incomplete, type="dir" if param.metavar == "DIR" else "file")]


PATH = AnyPath()
