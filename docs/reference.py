"""Adds the API reference to the site: one page for each public room, made of its docstrings while the site is built.

MkDocs calls these functions. The rooms are parsed, not imported.
"""

import ast
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from robusthash.testing.imports import PUBLIC

ROOT = Path(__file__).parents[1]
INDEX = "reference/index.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages into the navigation, before the design."""
    nav: list[object] = list(config.nav or [])
    nav.insert(nav.index("design.md"), {"API reference": [INDEX, *({room: page(room)} for room in PUBLIC)]})
    config.nav = nav
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    files.append(File.generated(config, INDEX, content=index()))
    for room in PUBLIC:
        files.append(File.generated(config, page(room), content=f"# {room}\n\n::: {room}\n"))
    return files


def page(room: str) -> str:
    """Where the page of a room stands, from the documentation's folder."""
    return f"reference/{room}.md"


def index() -> str:
    """The page that lists the rooms, each with the first sentence of its docstring."""
    rows = "\n".join(f"| [`{room}`]({room}.md) | {_summary(room)} |" for room in PUBLIC)
    return (
        "# API reference\n\n"
        "All names that semantic versioning covers: those in the `__all__` of the rooms below. "
        "The [Python API](../python.md) shows the first of them at work, "
        "the [plugins' pages](../plugins/index.md) the contracts.\n\n"
        f"| room | what |\n| --- | --- |\n{rows}\n"
    )


def _summary(room: str) -> str:
    base = ROOT.joinpath(*room.split("."))
    source = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    told = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(told.partition("\n\n")[0].split())
