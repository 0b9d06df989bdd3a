"""Escapes untrusted text for each output format. Every export escapes here, and only here."""

import html
import re

_FORMULA = frozenset("=+-@＝＋－＠")  #: first characters of spreadsheet formulas
_CELL = 32_000  #: characters; Excel continues a cell of more than 32,767 in the next line
_LATEX = {
    **{one: f"\\{one}" for one in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "·": r"\textperiodcentered{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "ε": r"$\varepsilon$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
}
_LATEX_PAIR = re.compile(r"(?<=-)(?=-)|(?<=,)(?=,)")  #: in the middle of what a font shows as one character
_LATEX_START = re.compile(r"\s*[\[*]")  #: what the end of a row before it takes for its own argument
#: Letters beside ASCII that T1 fonts have.
_LATEX_LETTERS = frozenset(map(chr, range(0xC0, 0x180))) - frozenset("÷ĦħĸĿŀŉŦŧſ")
_MARKDOWN = re.compile(r"[\\`*~|]|(?<!\w)_|_(?!\w)|\](?=[\[(])|:(?=//)|(?<=www)\.")
_MARKDOWN_BLOCK = re.compile(r"\s*\d*(?=[#+=.)-])")  #: at the start of a line, before what begins a block


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


def markdown_line(text: str) -> str:
    r"""Escapes text with which a line or an item of Markdown begins: no heading, list or rule either.

    >>> markdown_line("# e"), markdown_line("1. e"), markdown_line("---")
    ('\\# e', '1\\. e', '\\---')
    """
    shown = for_markdown(text).lstrip()
    start = _MARKDOWN_BLOCK.match(shown)
    return f"{shown[: start.end()]}\\{shown[start.end() :]}" if start else shown


def for_html(text: str) -> str:
    """Escapes text for HTML, as content or as a quoted attribute.

    >>> for_html('<b> "x"')
    '&lt;b&gt; &quot;x&quot;'
    """
    return html.escape(visible(text))


def for_latex(text: str) -> str:
    r"""Escapes text for LaTeX with T1 fonts: no commands, comments, mathematics or further cells.

    What no font of every engine has is written as its number.

    >>> for_latex("a_b & 50 % \\input{x} 図")
    'a\\_b \\& 50 \\% \\textbackslash{}input\\{x\\} U+56F3'
    """
    shown = "{}".join(map(_latex, _LATEX_PAIR.split(visible(text))))
    return f"{{}}{shown}" if _LATEX_START.match(shown) else shown


def _latex(text: str) -> str:
    return "".join(
        _LATEX.get(one) or (one if one.isascii() or one in _LATEX_LETTERS else f"U+{ord(one):04X}") for one in text
    )


def for_csv(value: object) -> object:
    """Escapes a cell for spreadsheets: text that looks like a formula gets an apostrophe in front. Numbers are kept.

    >>> for_csv("=1+1"), for_csv(-0.5)
    ("'=1+1", -0.5)
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    shown = text if len(text) <= _CELL else f"{text[:_CELL]}..."
    return f"'{shown}" if shown.lstrip()[:1] in _FORMULA else shown


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
