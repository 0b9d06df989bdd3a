"""Writes the parts of the documentation that come from the code.

They stand between ``<!-- generated: what argument -->`` and ``<!-- end -->``. Run ``python docs/generate.py`` after a
change; a test fails when a page is stale.
"""

import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from robusthash import hookspecs, testing
from robusthash.cli import group
from robusthash.cli.config.schema import schema
from robusthash.hookspecs import offers
from robusthash.host import PluginHost, PluginKind
from robusthash.options import describe
from robusthash.results.report.feed import feed_schema
from robusthash.scaffold import blueprint
from robusthash.specs import ModelSpec
from robusthash.testing.imports import PUBLIC

DOCS = Path(__file__).parent
SCHEMAS = {"robusthash.schema.json": schema, "feed.schema.json": feed_schema}  #: what makes each published schema
WIDTH = 100  #: columns of the help texts

_BLOCK = re.compile(r"(<!-- generated: (?P<name>\S+) ?(?P<argument>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Brings every page up to date."""
    for page in sorted(DOCS.rglob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = refreshed(old)
        if new != old:
            page.write_text(new, encoding="utf-8")
    for name, content in SCHEMAS.items():
        (DOCS / name).write_text(json.dumps(content(), indent=2) + "\n", encoding="utf-8")


def refreshed(page: str) -> str:
    """A page with its generated parts made anew."""

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}\n{_WRITERS[match['name']](match['argument'])}\n\n{match[4]}"

    return _BLOCK.sub(block, page)


def cli(_argument: str) -> str:
    """The help of every command."""
    return "\n\n".join(f"## {path}\n\n```text\n{text}\n```" for path, text in helps())


def helps() -> Iterator[tuple[str, str]]:
    """Every command's path, and its help."""
    return _helps(group, "robusthash", None)


def hooks(_argument: str) -> str:
    """Every hook, with its arguments and its example."""
    return "\n\n".join(
        f"### `{name}{_plain_signature(hook)}`\n\n{summary}\n\n```python\n{example}\n```"
        for name, hook in hook_functions()
        for summary, example in [hook_doc(hook)]
    )


def hook_doc(hook: Callable[..., Any]) -> tuple[str, str]:
    """What a hook's docstring says, and the example in it."""
    summary, _, example = inspect.cleandoc(hook.__doc__ or "").partition("\n\nExample::\n\n")
    return summary, textwrap.dedent(example)


def hook_functions() -> list[tuple[str, Callable[..., Any]]]:
    """Name and function of every hook, what plugins offer first, in the order of the source."""
    found = [
        item for item in vars(hookspecs).items() if item[0].startswith("robusthash_") and inspect.isfunction(item[1])
    ]
    return sorted(found, key=lambda item: (item[1].__module__ != offers.__name__, item[1].__code__.co_firstlineno))


def public(_argument: str) -> str:
    """The modules whose names plugins may import."""
    return ", ".join(f"`{module}`" for module in PUBLIC) + "."


def example(kind: str) -> str:
    """The files that `plugins new` writes for a kind: its plugin module, its class and its tests."""
    plan = blueprint(f"my-{kind}", kind)
    shown = [path for path in plan.files if path.suffix == ".py" and path.name != "__init__.py"]
    blocks = [f'```python title="{path}"\n{plan.files[path].rstrip()}\n```' for path in shown]
    return "\n\n".join([*blocks, f"    {plan.use}"])


def contracts(_argument: str) -> str:
    """What to override in each contract."""
    rows = []
    for name in (name for name in testing.__all__ if name.endswith("Contract") and name != "PluginObjectContract"):
        cls = getattr(testing, name)
        rows.append([f"`{name}`", ", ".join(f"`{one}`" for one in _own_fixtures(cls)), _attributes(cls) or "none"])
    return table(["contract", "fixtures to override", "attributes"], rows)


def contract(names: str) -> str:
    """The tests of some contracts, each with its promise."""
    return "\n\n".join(_contract(getattr(testing, name)) for name in names.split())


def specs(kind: str) -> str:
    """What the first-party distributions offer of one kind."""
    rows = [
        [f"`{one.spec.name}`", one.spec.summary, one.owner.distribution]
        for one in PluginHost.load().all(PluginKind(kind))
        if one.owner.distribution in FIRST_PARTY
    ]
    return table(["name", "what", "distribution"], rows)


def options(path: str) -> str:
    """All options of a class."""
    return _options(_class(path))


def own_options(paths: str) -> str:
    """The options that a class adds to those of a base, which is named after it; by default its first one."""
    cls, *bases = map(_class, paths.split())
    return _options(cls, beside=bases[0] if bases else cls.__bases__[0])


def metrics(_argument: str) -> str:
    """The core's ranking metrics, each with its exact definition's id."""
    host = PluginHost.load()
    found = [one for one in host.all(PluginKind.METRIC) if one.owner.distribution in FIRST_PARTY]
    rows = [[f"`{one.spec.name}`", f"`{host.create(one).protocol}`", one.spec.summary] for one in found]
    return table(["name", "protocol id", "what"], rows)


def presets(model: str) -> str:
    """The presets of a model, with what each sets."""
    found = [one.spec for one in PluginHost.load().all(PluginKind.MODEL) if one.spec.name.partition("/")[0] == model]
    rows = [
        [f"`{one.name}`", one.summary, _settings(one.options), _settings(one.recipe)]
        for one in found
        if isinstance(one, ModelSpec)
    ]
    return table(["preset", "what", "options", "recipe"], rows)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _helps(command: click.Command, path: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    name = path.rpartition(" ")[2]
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,
    )
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            if part is not None:
                yield from _helps(part, f"{path} {name}", context)


def _plain_signature(hook: Callable[..., Any]) -> str:
    return re.sub(r"'|typing\.|robusthash\.specs\.|collections\.abc\.", "", str(inspect.signature(hook)))


def _contract(cls: type) -> str:
    fixtures = [[f"`{name}`", text] for name, text in _fixtures(cls).items()]
    tests = {
        name: _first(getattr(cls, name)) for base in reversed(cls.__mro__) for name in vars(base) if name[:5] == "test_"
    }
    promises = [[f"`{name}`", text] for name, text in tests.items()]
    attributes = [["attribute", "default", "what"], *_attribute_rows(cls)]
    parts = [f"### {cls.__name__}", table(["fixture", "what"], fixtures)]
    if len(attributes) > 1:
        parts.append(table(attributes[0], attributes[1:]))
    return "\n\n".join([*parts, table(["test", "promise"], promises)])


def _fixtures(cls: type) -> dict[str, str]:
    """Fixtures of a contract by name, those to override first."""
    found = {
        name: _first(value)
        for base in reversed(cls.__mro__)
        for name, value in vars(base).items()
        if hasattr(value, "_get_wrapped_function") and name not in _SHARED
    }
    return dict(sorted(found.items(), key=lambda item: "a subclass overrides this" not in item[1]))


def _own_fixtures(cls: type) -> list[str]:
    return [name for name, text in _fixtures(cls).items() if "a subclass overrides this" in text]


def _attribute_rows(cls: type) -> list[list[str]]:
    rows = []
    for base in reversed(cls.__mro__):
        _, _, described = inspect.cleandoc(vars(base).get("__doc__") or "").partition("Attributes:\n")
        found = re.finditer(r"^    (\w+): (.*(?:\n        .*)*)", described, re.MULTILINE)
        rows += [[f"`{one[1]}`", f"`{_text(getattr(cls, one[1]))}`", " ".join(one[2].split())] for one in found]
    return rows


def _attributes(cls: type) -> str:
    return ", ".join(row[0] for row in _attribute_rows(cls))


def _first(documented: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(documented.__doc__ or "").partition("\n\n")[0].split())


def _class(path: str) -> type:
    module, _, name = path.partition(":")
    found: type = getattr(importlib.import_module(module), name)
    return found


def _options(cls: type, *, beside: type | None = None) -> str:
    known = set() if beside is None else {entry.name for entry in fields(beside)}
    rows = [
        [f"`{one.name}`", "required" if one.required else f"`{_text(one.default)}`", one.type, one.doc]
        for one in describe(cls)
        if one.name not in known
    ]
    return table(["option", "default", "type", "what"], rows)


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in values.items()) or "defaults"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


FIRST_PARTY = frozenset(
    {
        "robusthash",
        *(
            f"robusthash-{part}"
            for part in (
                "attacks",
                "crossmodal",
                "datasets",
                "defenses",
                "faiss",
                "lancedb",
                "models",
                "pgvector",
                "trackers",
            )
        ),
    }
)

_SHARED = frozenset({"plugin_object", "_closed"})  #: fixtures that subclasses of a contract have no use for

_WRITERS: dict[str, Callable[[str], str]] = {
    "cli": cli,
    "contract": contract,
    "contracts": contracts,
    "example": example,
    "hooks": hooks,
    "public": public,
    "specs": specs,
    "options": options,
    "own-options": own_options,
    "presets": presets,
    "metrics": metrics,
}

if __name__ == "__main__":
    main()
