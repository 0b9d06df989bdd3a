"""Fences the doctests in docstrings, which Markdown would take for quotations: an extension of the API reference."""

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?P=indent)\S.*|\n(?P=indent) +\S.*)*", re.MULTILINE)


class Doctests(griffe.Extension):
    """Puts every run of lines from a ``>>>`` to the next empty one into a block of code."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    r"""A docstring with its doctests in blocks of code.

    >>> print(fenced("Text.\n\n>>> 1 + 1\n2").replace("`", "'"))
    Text.
    <BLANKLINE>
    '''pycon
    >>> 1 + 1
    2
    '''
    """
    return _DOCTEST.sub(lambda block: f"{block['indent']}```pycon\n{block[0]}\n{block['indent']}```", docstring)
