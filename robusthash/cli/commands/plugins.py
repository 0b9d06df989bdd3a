"""``robusthash plugins``: list, show and check the installed plugins."""

import json
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.columns import PIPE_WIDTH, lay_out, limit
from robusthash.cli.common import json_option, load_host, out
from robusthash.cli.lines import line
from robusthash.errors import PluginError
from robusthash.host import PluginHost, PluginKind, PluginProblem, Registered
from robusthash.options import OptionField, describe, plain
from robusthash.specs import API_VERSION
from robusthash.version import __version__

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 120  #: columns of a terminal with room for the papers next to the summaries

_kind_option = click.option(
    "--kind", type=click.Choice([kind.value for kind in PluginKind]), help="Only plugin objects of this kind."
)


@click.group("plugins")
def command() -> None:
    """List, show and check the installed plugins."""


@command.command("list")
@_kind_option
@json_option
@click.pass_context
def list_(context: click.Context, *, kind: str | None, as_json: bool) -> None:
    """List all plugin objects by kind."""
    host = load_host(context)
    offered = {one: host.all(one) for one in PluginKind if kind in (None, one)}
    if as_json:
        _print_json([_summary(registered) for group in offered.values() for registered in group])
        return
    width = limit(sys.stdout) or PIPE_WIDTH
    for one, group in offered.items():
        if group:
            heading, *rows = _listing(one, group, width)
            click.secho(heading, bold=True)
            click.echo("".join(f"{row}\n" for row in rows))


@command.command("show")
@click.argument("name")
@_kind_option
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
        _print_json(
            [
                {**_summary(registered), **_details(registered), "options": [asdict(option) for option in options]}
                for registered, options in described
            ]
        )
        return
    for registered, options in described:
        _show(registered, options)


@command.command("doctor")
@click.option("--imports", is_flag=True, help="Also import the class behind every name; takes seconds.")
@json_option
@click.pass_context
def doctor(context: click.Context, *, imports: bool, as_json: bool) -> None:
    """Check every installed plugin. The exit code is 1 if one is broken."""
    host = PluginHost.load()
    failures = _import_failures(host) if imports else []
    if as_json:
        _print_json(_diagnosis(host, failures))
    else:
        _report(host, failures)
    if host.problems or failures:
        context.exit(PluginError.exit_code)


def _print_json(content: object) -> None:
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
    preset = registered.spec.options
    return [
        replace(option, default=plain(preset[option.name]), required=False) if option.name in preset else option
        for option in describe(host.resolve(registered))
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


def _import_failures(host: PluginHost) -> list[str]:
    failures = []
    for registered in (one for kind in PluginKind for one in host.all(kind)):
        try:
            _options(host, registered)
        except PluginError as error:
            failures.append(error.message)
    return failures


def _diagnosis(host: PluginHost, failures: list[str]) -> dict[str, Any]:
    return {
        "robusthash": __version__,
        "interface": API_VERSION,
        "python": platform.python_version(),
        "loaded": [str(owner) for owner in host.owners],
        "excluded": [str(owner) for owner in host.excluded],
        "duplicates": [[registered.full_name for registered in group] for group in host.duplicates()],
        "problems": [_problem(problem) for problem in host.problems],
        "imports": failures,
    }


def _problem(problem: PluginProblem) -> dict[str, str]:
    return {
        "distribution": problem.owner.distribution,
        "version": problem.owner.version,
        "entry_point": problem.entry_point,
        "message": problem.message,
        "traceback": problem.details,
    }


def _report(host: PluginHost, failures: list[str]) -> None:
    click.echo(f"robusthash {__version__}, plugin interface {API_VERSION}, Python {platform.python_version()}")
    for owner in host.owners:
        counts = ((kind, sum(registered.owner == owner for registered in host.all(kind))) for kind in PluginKind)
        offered = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts if count)
        line(f"loaded: {owner}: {offered or 'observers only'}")
    for owner in host.excluded:
        line(f"excluded by ROBUSTHASH_PLUGINS: {owner}")
    for group in host.duplicates():
        names = " or ".join(registered.full_name for registered in group)
        line(f"warning: {group[0].kind} {group[0].spec.name!r} has several owners: write {names}")
    for problem in host.problems:
        line(f"problem: {problem.message}")
        click.echo("".join(f"    {line}\n" for line in problem.details.splitlines()), nl=False)
    for failure in failures:
        line(f"problem: {failure}")
    if not host.problems and not failures:
        click.echo("no problems found")
