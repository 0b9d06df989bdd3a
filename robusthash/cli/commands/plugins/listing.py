"""``robusthash plugins list`` and ``show``: what is installed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import click

from robusthash.boundary import foreign
from robusthash.cli.common import json_option, load_host
from robusthash.cli.input.names import PLUGIN
from robusthash.cli.output.columns import paragraph, show_table
from robusthash.host import PluginHost, PluginKind, Registered, owner_of
from robusthash.options import OptionField, describe, plain

_OWNER, _SUMMARY = 23, 40  #: columns of text that they are given before anything is omitted

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
    for one, group in offered.items():
        if group:
            show_listing(f"{one}s", group)
            click.echo()


@click.command("show")
@click.argument("name", type=PLUGIN)
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
        _show(registered, options, owner=owner_of(host, registered))


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


def show_listing(heading: str, group: Iterable[Registered]) -> None:
    """Prints a table of plugin objects.

    Args:
        heading: of the column of their names.
        group: the objects.
    """
    from robusthash.results.rendering.sheet import Column, Line, Table

    columns = (
        Column(name=heading, words=True),
        Column(name="from", words=True, omitted=1, least=_OWNER),
        Column(name="what", words=True, least=_SUMMARY),
        Column(name="paper", words=True, omitted=0),
    )
    cells = ((one.spec.name, str(one.owner), one.spec.summary, one.spec.paper or "") for one in group)
    show_table(Table(columns=columns, lines=tuple(Line(cells=one) for one in cells)))


def _show(registered: Registered, options: list[OptionField], *, owner: str) -> None:
    from robusthash.results.rendering.escaping import visible
    from robusthash.results.rendering.sheet import Column, Line, Table

    facts = {"from": str(registered.owner), "paper": registered.spec.paper, **_details(registered)}
    paragraph(visible(f"{registered.kind} {registered.spec.name}: {registered.spec.summary}"))
    for name, value in facts.items():
        if value:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            paragraph(visible(f"  {name.replace('_', ' ')}: {text}"), indent=2)
    click.echo()
    if not options:
        click.echo("It has no options.")
        return
    columns = (
        Column(name="option", words=True),
        Column(name="default", words=True),
        Column(name="type", words=True, omitted=0),
        Column(name="what", words=True, least=_SUMMARY),
    )
    cells = ((one.name, "required" if one.required else _text(one.default), one.type, one.doc) for one in options)
    show_table(Table(columns=columns, lines=tuple(Line(cells=one) for one in cells)))
    first = options[0]
    click.echo(f"\nset with: -o {owner}.{first.name}={_text(first.default)}\n")


def _text(value: object) -> str:
    """A value as ``-o`` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(_text(part) for part in value)
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
