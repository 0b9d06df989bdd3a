"""Runs that are split into parts, ``--shard i/n``: what is asked for, and what is told of what is missing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.output.following import results_arguments, shell_word, tell_next
from robusthash.cli.output.lines import line
from robusthash.errors import UsageError

if TYPE_CHECKING:
    from robusthash.evaluation import Merged, Part


def part_of(text: str | None, *, judged: bool, force: bool, pictures: int = 0) -> "Part | None":
    """The part that ``--shard`` asks for; None if it does not.

    Args:
        text: the option's value.
        judged: whether there are rules, which need all cells.
        force: whether stored cells are to be evaluated again.
        pictures: of how many queries of each cell pictures are to be kept.

    Raises:
        UsageError: it is none, or does not go with the other options.
    """
    if text is None:
        return None
    from robusthash.evaluation.planning.part import parse_part

    part = parse_part(text, force=force, pictures=pictures)
    if judged:
        raise UsageError(
            "--fail-under judges whole runs, and --shard evaluates a part", hint="robusthash gate, after merging"
        )
    return part


def command_text(text: str) -> str:
    """This command, for a shell, with ``{part}`` in place of its part; empty if it is not known.

    Args:
        text: the value of ``--shard``.
    """
    words = sys.argv[1:]
    if "eval" not in words:
        return ""
    given = [word.replace(text, "{part}") if word in (text, f"--shard={text}") else word for word in words]
    if given == words:  # it stands in a file
        given += ["--shard", "{part}"]
    return " ".join(word if "{part}" in word else shell_word(word) for word in ("robusthash", *given))


def tell_part(part: "Part", merged: "Merged", results: Path) -> None:
    """Says where a part's shards are, and what is to be done with them.

    Args:
        part: which.
        merged: what is missing.
        results: the results folder.
    """
    if merged.missing:
        line(f"shard {part} is evaluated; {len(merged.missing)} cells wait for shards of others in {results}")
        tell_next("merge", str(results), *results_arguments(results))


def tell_missing(merged: "Merged") -> None:
    """Says what is missing, and what evaluates it.

    Args:
        merged: what has been merged.
    """
    from robusthash.evaluation.merging.outcome import commands
    from robusthash.results.rendering.escaping import visible

    for one in merged.missing:
        line(f"missing: {one}", err=True)
    for text in commands(merged.missing):
        click.echo(f"run: {visible(text)}", err=True)
