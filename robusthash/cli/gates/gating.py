"""Shared by the commands that judge results: options, rules, the results folder, and the reports of a verdict."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import nothing
from robusthash.cli.output.columns import paragraph
from robusthash.cli.output.lines import line
from robusthash.errors import InputError, StorageError, UsageError

if TYPE_CHECKING:
    from robusthash.results.gate import GateSettings, Material, Verdict

Command = TypeVar("Command", bound=Callable[..., Any])

PROJECT = Path("pyproject.toml")

_COLOURS = {"good": "green", "bad": "red", "doubtful": "yellow", "plain": None}

rule_option = click.option(
    "--fail-under",
    "rules",
    multiple=True,
    metavar="RULE",
    help="A rule: 'map[attack=strongest] >= 0.30'. Repeatable.",
)
rules_file_option = click.option(
    "--rules",
    "rules_file",
    type=PATH,
    metavar="FILE",
    help="Rules: [tool.robusthash.gate] of pyproject.toml, or a TOML file of its own.  [default: pyproject.toml]",
)
baseline_option = click.option(
    "--baseline",
    type=PATH,
    metavar="FILE",
    help="Baseline that drops are measured from; by default the one that the rules name.",
)
newest_option = click.option(
    "--newest", is_flag=True, help="Take the newest result where several models have one name."
)
allow_option = click.option(
    "--allow", multiple=True, metavar="RH003", help="A soundness check that may fail. Repeatable."
)
_JUDGING = (
    allow_option,
    click.option(
        "--inconclusive",
        type=click.Choice(["pass", "fail"]),
        help="What an inconclusive check counts as; by default the exit code is 4.",
    ),
    click.option("--junit", type=PATH, metavar="FILE", help="Write JUnit XML."),
    click.option("--sarif", type=PATH, metavar="FILE", help="Write SARIF 2.1.0."),
    click.option("--markdown", type=PATH, metavar="FILE", help="Write Markdown."),
)


def judging_options(command: Command) -> Command:
    """Adds the options that say how to judge and what to write."""
    for option in reversed(_JUDGING):
        command = option(command)
    return command


def settings_of(rules: Sequence[str], rules_file: Path | None, baseline: Path | None) -> "GateSettings":
    """The rules of a command: those of the command line, and those of a file.

    Args:
        rules: of the command line.
        rules_file: the file; without one, and without rules on the command line, pyproject.toml of this folder.
        baseline: path of the baseline, instead of the file's.

    Raises:
        UsageError: a rule is wrong, or there is none.
        InputError: the file cannot be read.
    """
    from robusthash.results.gate import GateSettings, Place, parse_rule, read_settings

    if rules_file is None and not rules:
        if not PROJECT.is_file():
            raise UsageError("there are no rules", hint="name a file in --rules, or write a rule with --fail-under")
        rules_file = PROJECT
    settings = read_settings(rules_file) if rules_file else GateSettings()
    own = tuple(parse_rule(rule, where=Place(name="--fail-under")) for rule in rules)
    return replace(settings, rules=settings.rules + own, baseline=baseline or settings.baseline)


def material_of(folder: Path, *, newest: bool) -> "Material":
    """The records of a results folder. One that cannot be read could be the one that would fail.

    Raises:
        InputError: the folder does not exist, or a file in it cannot be read.
    """
    from robusthash.results import load_results
    from robusthash.results.gate import stored_material

    everything = load_results(folder)
    if everything.unreadable:
        problem = everything.unreadable[0]
        raise InputError(
            f"{len(everything.unreadable)} files in {folder} cannot be judged: {problem.message}",
            hint="remove what is no record, and evaluate again what is damaged",
        )
    if not everything:
        nothing(f"{folder} has no results", "robusthash eval writes them")
    return stored_material(everything, folder, newest=newest)


def clear_reports(paths: Mapping[str, Path | None]) -> None:
    """Removes the reports of an earlier run: if this one ends in an error, nobody shall take them for its own.

    Args:
        paths: by report, ``junit``, ``sarif`` or ``markdown``.

    Raises:
        UsageError: one cannot be written there, or two are one file.
        StorageError: one cannot be removed.
    """
    from robusthash.files.storage import require_apart, require_writable_file

    require_apart({f"--{name}": path for name, path in paths.items()})
    for name, path in paths.items():
        if path is None:
            continue
        require_writable_file(path, f"--{name}")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot replace {path}: {error.strerror or error}", hint="name another file") from error


def show_verdict(
    verdict: "Verdict", *, as_json: bool, aside: bool = False, reports: Mapping[str, Path | None] | None = None
) -> int:
    """Shows a verdict, and writes its reports.

    Args:
        verdict: what was found.
        as_json: print JSON to standard output, and the rest to standard error.
        aside: print to standard error, since standard output is another's.
        reports: paths by name, ``junit``, ``sarif`` or ``markdown``.

    Returns:
        The exit code.

    Raises:
        StorageError: a report cannot be written.
    """
    from robusthash.files.storage import write_atomically
    from robusthash.results.gate import rendering

    writers = {"junit": rendering.to_junit, "sarif": rendering.to_sarif, "markdown": rendering.to_summary}
    for name, path in (reports or {}).items():
        if path is not None:
            write_atomically(path, writers[name](verdict).encode())
    if as_json:
        click.echo(rendering.to_json(verdict), nl=False)
    for text, tone in rendering.lines(verdict):
        paragraph(text, indent=4, err=as_json or aside, colour=_COLOURS[tone])
    _tell_github(verdict)
    return verdict.exit_code


def _tell_github(verdict: "Verdict") -> None:
    """Appends to the job's summary, and marks the rules, where a job of GitHub Actions runs this."""
    from robusthash.results.gate.rendering import annotations, to_summary

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(to_summary(verdict))
        except OSError as error:
            line(f"warning: no job summary: cannot write {summary}: {error.strerror or error}", err=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for command in annotations(verdict):
            click.echo(command, err=True)
