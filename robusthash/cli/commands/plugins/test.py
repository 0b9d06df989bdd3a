"""``robusthash plugins test``: does a plugin keep the contract of its kind?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.commands.plugins.listing import kind_option, print_json
from robusthash.cli.common import json_option
from robusthash.cli.input.paths import PATH
from robusthash.errors import OptionError, PluginError, UsageError
from robusthash.options import parse_assignments

if TYPE_CHECKING:
    from robusthash.testing.installed import Failed, Outcome, Tested

NOTHING = 5  #: exit code: nothing was tested
_WORDS = {"yes": True, "true": True, "no": False, "false": False}


@click.command("test")
@click.argument("name")
@kind_option
@click.option("-o", "options", multiple=True, metavar="NAME.OPTION=VALUE", help="Option of an object. Repeatable.")
@click.option(
    "--declare",
    "declared",
    multiple=True,
    metavar="ATTRIBUTE=VALUE",
    help="Attribute of the contract, such as masks_gradients=yes. Repeatable.",
)
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder with a dataset's files.")
@click.option("--traceback", is_flag=True, help="Show the tracebacks of failed tests.")
@json_option
@click.pass_context
def test(
    context: click.Context,
    *,
    name: str,
    kind: str | None,
    options: tuple[str, ...],
    declared: tuple[str, ...],
    data_root: Path | None,
    traceback: bool,
    as_json: bool,
) -> None:
    """Run the contract tests against an installed plugin: an object, or all of a distribution.

    The exit code is 1 if a test fails, and 5 if there is nothing to test.

    \b
    robusthash plugins test my-hinge
    robusthash plugins test robusthash-my-hinge -o my-hinge.steps=10
    """
    if data_root is not None and not data_root.is_dir():
        raise UsageError(f"--data-root {data_root} is not a folder", hint="name an existing folder")
    from robusthash.testing.installed import Selection, run

    outcome = run(
        Selection(
            name=name,
            kind=kind,
            options=parse_assignments(options),
            declared=dict(map(_declared, declared)),
            data_root=None if data_root is None else str(data_root),
        )
    )
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(outcome))
    else:
        for line in _report(outcome, traceback=traceback):
            click.echo(line)
    if outcome.failures:
        context.exit(PluginError.exit_code)
    if not outcome.tests:
        context.exit(NOTHING)


def _declared(text: str) -> tuple[str, bool | float]:
    name, equals, value = text.partition("=")
    try:
        return name.strip(), _WORDS[value.strip()] if value.strip() in _WORDS else float(value)
    except ValueError:
        hint = "write ATTRIBUTE=yes, ATTRIBUTE=no or ATTRIBUTE=0.99"
        raise OptionError(f"cannot parse {text!r}" if equals else f"{text!r} has no value", hint=hint) from None


def _report(outcome: "Outcome", *, traceback: bool) -> Iterator[str]:
    for one in outcome.tested:
        yield from _object(one, traceback=traceback)
    for name, why in outcome.untested.items():
        yield f"{name}: not tested: {why}"
    if not outcome.tests:
        yield "nothing was tested"
    elif outcome.failures:
        yield f"\n{outcome.failures} of {outcome.tests} tests failed"
    else:
        yield f"all {outcome.tests} tests passed"


def _object(one: "Tested", *, traceback: bool) -> Iterator[str]:
    counts = f"{one.passed} passed, {len(one.failed)} failed, {len(one.skipped)} do not apply"
    yield f"{one.kind} {one.name} of {one.owner}, {one.contract}: {counts}"
    for failed in one.failed:
        yield from _failure(failed, traceback=traceback)


def _failure(failed: "Failed", *, traceback: bool) -> Iterator[str]:
    yield f"\n  FAILED {failed.test}"
    yield f"    promised: {failed.promise}"
    first, *rest = failed.found.splitlines() or [""]
    yield f"    found:    {first}"
    yield from (f"              {line}" for line in rest)
    if failed.plugin:
        yield f"    in:       {failed.plugin}"
    yield f"    checked:  {failed.where}"
    if traceback:
        yield from (f"      {line}" for line in failed.traceback.splitlines())
