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


def for_log(text: str) -> str:
    r"""Escapes text for a line of a CI log, where a line may be a command: GitHub reads ``::`` and ``##[``.

    >>> for_log("::stop-commands::x"), for_log("a ##[group]")
    (':\\:stop-commands::x', 'a #\\#[group]')
    """
    shown = _unbracketed(visible(text))
    body = shown.lstrip()
    return shown[: len(shown) - len(body)] + (f":\\{body[1:]}" if body.startswith("::") else body)


def for_annotation(text: str, *, field: bool = False) -> str:
    """Escapes text for a workflow command of GitHub Actions.

    Args:
        text: any.
        field: whether it is the value of a field, in which colons and commas have a meaning.

    >>> for_annotation("100 %, a:b", field=True)
    '100 %25%2C a%3Ab'
    """
    shown = _unbracketed(visible(text)).replace("%", "%25")
    return shown.replace(":", "%3A").replace(",", "%2C") if field else shown


def for_sarif(text: str) -> str:
    r"""Escapes text for a message of SARIF, in which brackets make links and braces are placeholders.

    >>> for_sarif("map[attack=*] {0} [x](y)")
    'map\\[attack=*\\] {{0}} \\[x\\](y)'
    """
    return re.sub(r"[\\\[\]]", r"\\\g<0>", visible(text)).replace("{", "{{").replace("}", "}}")


def _unbracketed(text: str) -> str:
    """Text that has no command of the older kind: GitHub finds it anywhere in a line."""
    return text.replace("##[", "#\\#[")
