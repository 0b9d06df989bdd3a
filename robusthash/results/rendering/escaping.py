"""Escapes untrusted text for each output format. Every export escapes here, and only here."""

import html
import re

_FORMULA = frozenset("=+-@＝＋－＠")  #: first characters of spreadsheet formulas
_MARKDOWN = re.compile(r"[\\`*~|]|(?<!\w)_|_(?!\w)|\](?=[\[(])")


def visible(text: str) -> str:
    r"""Escapes text for one line of a terminal: control characters, line breaks and direction marks.

    >>> visible("a\x1b[2Jb\n\u202ec")
    'a\\x1b[2Jb\\n\\u202ec'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def for_markdown(text: str) -> str:
    r"""Escapes text for one cell or line of Markdown: no HTML, code, links or further cells.

    >>> for_markdown("a|b <img> [x](y)")
    'a\\|b &lt;img&gt; [x\\](y)'
    """
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(visible(text), quote=False))


def for_html(text: str) -> str:
    """Escapes text for HTML, as content or as a quoted attribute.

    >>> for_html('<b> "x"')
    '&lt;b&gt; &quot;x&quot;'
    """
    return html.escape(visible(text))


def for_csv(value: object) -> object:
    """Escapes a cell for spreadsheets: text that looks like a formula gets an apostrophe in front. Numbers are kept.

    >>> for_csv("=1+1"), for_csv(-0.5)
    ("'=1+1", -0.5)
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA else text
