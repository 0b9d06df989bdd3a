"""Options that select stored records by name, and the exit code if none matches."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    from robusthash.results import Results, ResultStore

NOTHING_SELECTED = 5

_Function = Callable[..., Any]


def selection_options(function: _Function) -> _Function:
    """Adds ``--dataset``, ``--model`` and ``--attack``, passed on as ``datasets``, ``models`` and ``attacks``."""
    for name in ("attack", "model", "dataset"):
        option = click.option(
            f"--{name}", f"{name}s", multiple=True, metavar="PATTERN", help=f"Only these {name}s. Repeatable."
        )
        function = option(function)
    return function


def select(
    store: "ResultStore",
    *,
    datasets: Iterable[str],
    models: Iterable[str],
    attacks: Iterable[str],
    references: bool = False,
) -> "Results":
    """The stored records whose names match. Each file that cannot be read is a warning on standard error.

    Args:
        store: the results folder.
        datasets: patterns of dataset names; none matches all.
        models: patterns of model names.
        attacks: patterns of attack names.
        references: include references such as noise, whatever ``attacks`` is.

    Raises:
        InputError: the results folder does not exist.
    """
    from robusthash.results import load_results

    everything = load_results(store.root)
    for problem in everything.unreadable:
        line(f"warning: skipped: {problem.message}", err=True)
    selected = everything.select(datasets=datasets, models=models, attacks=attacks, references=references)
    if not selected:
        nothing(f"none of the {len(everything)} records in {store.root} matches")
    return selected


def nothing(reason: str, hint: str | None = None) -> NoReturn:
    """Ends the command with the exit code for an empty selection."""
    line(f"nothing selected: {reason}", err=True)
    if hint:
        line(f"hint: {hint}", err=True)
    click.get_current_context().exit(NOTHING_SELECTED)
