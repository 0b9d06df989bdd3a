"""Options that select stored records by name, and the exit code if none matches."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from robusthash.results import Record, ResultStore

NOTHING_SELECTED = 5

_Function = Callable[..., Any]


def selection_options(function: _Function) -> _Function:
    """Adds ``--dataset``, ``--model`` and ``--attack``; their values come as ``datasets``, ``models``, ``attacks``."""
    for name in ("attack", "model", "dataset"):
        option = click.option(
            f"--{name}", f"{name}s", multiple=True, metavar="PATTERN", help=f"Only these {name}s. Repeatable."
        )
        function = option(function)
    return function


def select(
    store: "ResultStore", *, datasets: Iterable[str], models: Iterable[str], attacks: Iterable[str]
) -> "list[Record]":
    """The stored records whose names match. A file that is not a record is reported on standard error.

    Raises:
        InputError: the results folder does not exist.
    """
    records, problems = store.load_all()
    for problem in problems:
        click.echo(f"warning: skipped: {problem.message}", err=True)
    selected = [
        record
        for record in records
        if _matches(record.dataset.name, datasets)
        and _matches(record.model.name, models)
        and _matches(record.attack.name, attacks)
    ]
    if not selected:
        nothing(f"none of the {len(records)} records in {store.root} matches")
    return selected


def nothing(reason: str, hint: str | None = None) -> NoReturn:
    """Ends the command with the exit code for an empty selection."""
    click.echo(f"nothing selected: {reason}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    click.get_current_context().exit(NOTHING_SELECTED)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    wanted = tuple(patterns)
    return not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)
