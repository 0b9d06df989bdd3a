"""Shared by the commands: the plugin host with its warnings, the consoles, and common options."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from robusthash.cli.input.names import METRIC, RETRIEVER, SCORE_BY
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.session import Session
from robusthash.cli.output.lines import line
from robusthash.cli.output.progress import progress

if TYPE_CHECKING:
    from rich.console import Console

    from robusthash.host import PluginHost, PluginProblem

__all__ = [
    "console",
    "fitted_option",
    "json_option",
    "load_host",
    "metric_option",
    "out",
    "progress",
    "quiet_option",
    "results_option",
    "retriever_option",
    "score_by_option",
]

_SEE_DOCTOR = "; see robusthash plugins doctor"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress.")
results_option = click.option(
    "--results",
    type=PATH,
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="Folder of the records.",
)


fitted_option = click.option(
    "--fitted",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Attack with what robusthash fit has stored in this file; it need not be named by --attack. Repeatable.",
)
metric_option = click.option(
    "--metric",
    "metrics",
    type=METRIC,
    multiple=True,
    default=("map", "precision@r2"),
    show_default=True,
    metavar="NAME",
    help="Ranking metric; the first is the headline. Repeatable.",
)
score_by_option = click.option(
    "--score-by",
    type=SCORE_BY,
    default="codes",
    show_default=True,
    metavar="codes|retriever",
    help="Score the exact ranking of the codes, or the lists that the retriever returns, with the exact score beside.",
)
retriever_option = click.option(
    "--retriever",
    type=RETRIEVER,
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Retriever; auto takes the fastest one installed.",
)


def load_host(context: click.Context, *, strict: bool = False) -> "PluginHost":
    """Loads the plugins. A plugin that fails to load is reported on standard error.

    Args:
        context: of the command.
        strict: a plugin that cannot be loaded is an error, as with ``--strict-plugins``.

    Raises:
        PluginError: if it is strict, and there is such a plugin.
        UnknownNameError: the allow-list in ROBUSTHASH_PLUGINS names something that is not installed.
    """
    from robusthash.host import PluginHost

    session = context.ensure_object(Session)
    strict = strict or session.strict_plugins

    def warn(problem: "PluginProblem") -> None:
        line(f"warning: {problem.message}" + ("" if problem.loaded else _SEE_DOCTOR), err=True)
        if session.debug:
            click.echo(problem.details, err=True)

    def warn_of_observers(problem: "PluginProblem") -> None:
        if problem.loaded:  # plugins that are not loaded are named by the error at the end
            warn(problem)

    return PluginHost.load(strict=strict, report=warn_of_observers if strict else warn)


def out() -> "Console":
    """Rich output for results, on standard output."""
    return _console(sys.stdout)


def console() -> "Console":
    """Rich output for everything besides results, on standard error."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> "Console":
    from robusthash.cli.output.consoles import make_console

    return make_console(stream)
