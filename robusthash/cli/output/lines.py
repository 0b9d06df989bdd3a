"""Lines of output that may quote anything: names, paths, messages of others. Escaped here, and only here."""

import click

_LONGEST_WORD = 600  #: characters of a word: paths are shown in full, numbers of a thousand digits are not


def line(text: str, *, err: bool = False, drawn: bool = False) -> None:
    """Prints one line that a terminal shows as it is; of very long words, both ends.

    Args:
        text: the line; line breaks in it become blanks.
        err: print to standard error.
        drawn: whether its blanks are part of a drawing, and kept.
    """
    from robusthash.results.rendering.escaping import visible

    words = visible(text if drawn else " ".join(text.split())).split(" ")
    click.echo(" ".join(map(_abbreviated, words)), err=err)


def _abbreviated(word: str) -> str:
    return word if len(word) <= _LONGEST_WORD else f"{word[: _LONGEST_WORD // 2]}...{word[-_LONGEST_WORD // 4 :]}"
