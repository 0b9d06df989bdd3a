"""The commands that are printed to be run next. Each runs verbatim: it is made of arguments, and only here of text."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from robusthash.cli.input.session import Session

_AUTO = "auto"  #: the dataset without --dataset, which the model decides


def tell_next(*arguments: str | Path) -> None:
    """Prints ``next: robusthash ...``, quoted for a shell, on one line.

    Args:
        arguments: of the command, without the program's name. Plugin files of this run are added.
    """
    session = click.get_current_context().ensure_object(Session)
    files = (word for path in session.plugin_files for word in ("--plugin-file", str(path)))
    click.echo(f"next: {' '.join(map(shell_word, ('robusthash', *map(str, arguments), *files)))}")


def data_arguments(values: Mapping[str, Any]) -> Iterator[str]:
    """The arguments that read the data of a command again: its dataset, folder, size, and the dataset's own options.

    Args:
        values: of the options that :func:`robusthash.cli.input.setting.setting_options` adds.
    """
    dataset = values["dataset"]
    if dataset != _AUTO:
        yield from ("--dataset", dataset)
    for name in ("data_root", "image_size"):
        if values[name] is not None:
            yield from (f"--{name.replace('_', '-')}", str(values[name]))
    for assignment in values["assignments"]:
        if assignment.startswith((f"{dataset}.", f"dataset:{dataset}.")):
            yield from ("-o", assignment)
    if values["device"] != "auto":
        yield from ("--device", values["device"])


def results_arguments(results: Path) -> Sequence[str]:
    """The arguments that name a results folder; none for the default one."""
    return () if results == Path("results") else ("--results", str(results))


def shell_word(text: str) -> str:
    r"""Quotes a word for a shell. Names that no terminal shows are escaped, as bash, zsh and ksh read them.

    >>> shell_word("my results"), shell_word("a\nb")
    ("'my results'", "$'a\\012b'")
    """
    if text.isprintable():
        return shlex.quote(text)
    escaped = (chr(one) if 32 <= one < 127 and chr(one) not in "\\'" else f"\\{one:03o}" for one in os.fsencode(text))
    return f"$'{''.join(escaped)}'"
