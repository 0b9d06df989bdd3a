"""``robusthash plugins doctor``: is every installed plugin sound?"""

import platform
from typing import Any

import click

from robusthash.boundary import foreign
from robusthash.cli.commands.plugins.listing import print_json
from robusthash.cli.common import json_option
from robusthash.cli.output.lines import line
from robusthash.errors import MissingDependencyError, PluginError, RobustHashError
from robusthash.host import PluginHost, PluginKind, PluginProblem, Registered
from robusthash.host.kinds import check_kind
from robusthash.metrics.counting.installed import described
from robusthash.options import describe
from robusthash.specs import API_VERSION
from robusthash.version import __version__


@click.command("doctor")
@click.option("--imports", is_flag=True, help="Also make the object behind every name; takes seconds.")
@json_option
@click.pass_context
def doctor(context: click.Context, *, imports: bool, as_json: bool) -> None:
    """Check every installed plugin. The exit code is 1 if one is broken."""
    host = PluginHost.load()
    failures = _import_failures(host) if imports else []
    if as_json:
        print_json(_diagnosis(host, failures))
    else:
        _report(host, failures)
    if host.problems or failures:
        context.exit(PluginError.exit_code)


def _import_failures(host: PluginHost) -> list[str]:
    """What is wrong with the classes behind all names, each imported and made with its spec's options."""
    found = (_import_failure(host, registered) for kind in PluginKind for registered in host.all(kind))
    return [failure for failure in found if failure is not None]


def _import_failure(host: PluginHost, registered: Registered) -> str | None:
    try:
        cls = host.resolve(registered)
        with foreign(registered.whose, "describe its options"):
            described = describe(cls)
        missing = [one for one in described if one.required and one.name not in registered.spec.options]
        if not missing:  # an object with options that only a user can give cannot be made here
            check_kind(host.create(registered), registered)
    except MissingDependencyError:  # the plugin says itself what to install, once it is used
        return None
    except RobustHashError as error:
        return error.message if registered.whose.owner in error.message else f"{registered.whose}: {error.message}"
    return None


def _diagnosis(host: PluginHost, failures: list[str]) -> dict[str, Any]:
    return {
        "robusthash": __version__,
        "interface": API_VERSION,
        "python": platform.python_version(),
        "counting": described(),
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
    line(f"counting: {described()}")
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
        click.echo("".join(f"    {one}\n" for one in problem.details.splitlines()), nl=False)
    for failure in failures:
        line(f"problem: {failure}")
    if not host.problems and not failures:
        click.echo("no problems found")
