"""``robusthash plugins list`` and ``show``: what is installed."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import click

from robusthash.boundary import foreign
from robusthash.cli.columns import PIPE_WIDTH, lay_out, limit
from robusthash.cli.common import json_option, load_host, out
from robusthash.host import PluginHost, PluginKind, Registered
from robusthash.options import OptionField, describe, plain

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 120  #: columns of a terminal with room for the papers next to the summaries

kind_option = click.option(
    "--kind", type=click.Choice([kind.value for kind in PluginKind]), help="Only plugin objects of this kind."
)


@click.command("list")
@kind_option
@json_option
@click.pass_context
def list_(context: click.Context, *, kind: str | None, as_json: bool) -> None:
    """List all plugin objects by kind."""
    host = load_host(context)
    offered = {one: host.all(one) for one in PluginKind if kind in (None, one)}
    if as_json:
        print_json([_summary(registered) for group in offered.values() for registered in group])
        return
    width = limit(sys.stdout) or PIPE_WIDTH
    for one, group in offered.items():
        if group:
            heading, *rows = _listing(one, group, width)
            click.secho(heading, bold=True)
            click.echo("".join(f"{row}\n" for row in rows))


@click.command("show")
@click.argument("name")
@kind_option
@json_option
@click.pass_context
def show(context: click.Context, *, name: str, kind: str | None, as_json: bool) -> None:
    """Show one plugin object in full, with its options.

    \b
    robusthash plugins show rnm
    robusthash plugins show robusthash-attacks/rnm
    """
    host = load_host(context)
    found = host.find_all(name) if kind is None else [host.find(PluginKind(kind), name)]
    described = [(registered, _options(host, registered)) for registered in found]
    if as_json:
        print_json(
            [
                {**_summary(registered), **_details(registered), "options": [asdict(option) for option in options]}
                for registered, options in described
            ]
        )
        return
    for registered, options in described:
        _show(registered, options)


def print_json(content: object) -> None:
    """Prints JSON on standard output."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _summary(registered: Registered) -> dict[str, Any]:
    return {
        "kind": registered.kind,
        "name": registered.spec.name,
        "full_name": registered.full_name,
        "distribution": registered.owner.distribution,
        "version": registered.owner.version,
        "summary": registered.spec.summary,
        "paper": registered.spec.paper,
    }


def _details(registered: Registered) -> dict[str, Any]:
    """The fields of the spec that a listing omits."""
    shown = {"name", "summary", "paper", "options"}
    spec = registered.spec
    return {one.name: _jsonable(getattr(spec, one.name)) for one in fields(spec) if one.name not in shown}


def _jsonable(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(str(part) for part in value)
    return dict(value) if isinstance(value, Mapping) else value


def _options(host: PluginHost, registered: Registered) -> list[OptionField]:
    """The options of the class, with the spec's values as defaults."""
    preset, cls = registered.spec.options, host.resolve(registered)
    with foreign(registered.whose, "describe its options"):
        described = describe(cls)
    return [
        replace(option, default=plain(preset[option.name]), required=False) if option.name in preset else option
        for option in described
    ]


def _listing(kind: PluginKind, group: Iterable[Registered], width: int) -> Iterator[str]:
    rows = [(f"{kind}s", "from", "what", "paper")]
    rows += [(one.spec.name, str(one.owner), one.spec.summary, one.spec.paper or "") for one in group]
    return lay_out(rows if width >= WIDE else [row[:-1] for row in rows], folded=2, width=width)


def _show(registered: Registered, options: list[OptionField]) -> None:
    console = out()
    facts = {"from": str(registered.owner), "paper": registered.spec.paper, **_details(registered)}
    console.print(f"{registered.kind} {registered.spec.name}: {registered.spec.summary}", markup=False)
    for name, value in facts.items():
        if value:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            console.print(f"  {name.replace('_', ' ')}: {text}", markup=False)
    console.print()
    if not options:
        console.print("It has no options.")
        return
    table = _table("option", "default", "type", "what")
    for option in options:
        default = "required" if option.required else _text(option.default)
        table.add_row(*_plain_cells(option.name, default, option.type, option.doc))
    console.print(table)
    first = options[0]
    console.print(f"\nset with: -o {registered.spec.name}.{first.name}={_text(first.default)}\n", markup=False)


def _text(value: object) -> str:
    """A value as ``-o`` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(_text(part) for part in value)
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {columns[0], "from"})
    return table


def _plain_cells(*texts: str) -> list[str]:
    """Escapes texts of plugins, in which brackets are not markup."""
    from rich.markup import escape

    return [escape(text) for text in texts]
