"""Reads rules as they are written: ``map[attack=strongest] >= 0.30``, ``map[attack=rnm*] drop <= 0.02``.

::

    rule        metric [filters] comparison
    filters     "[" key "=" pattern { "," key "=" pattern } "]"
    comparison  (">=" | ">" | "<=" | "<") number ["%"]  |  ("drop" | "rise") "<=" number
"""

import re
from difflib import get_close_matches

from robusthash.epsilon import parse_edits, parse_radius
from robusthash.errors import OptionError, UsageError
from robusthash.results.gate.rules import ATTACK_KEYS, KEYS, Comparison, Level, Place, Rule, is_wild
from robusthash.results.records.stages import ADVERSARIAL, Against, is_clean, is_stage
from robusthash.results.rendering.escaping import visible

_TOKEN = re.compile(r"\s*(?:(?P<sign>>=|<=|==|!=|[\[\],=<>%])|(?P<word>[^\s\[\],=<>%!]+))")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

_USUAL = "write map[attack=strongest] >= 0.30, or map[attack=strongest] drop <= 0.02"
_STAGES = ("clean", ADVERSARIAL, "unrounded", "jpeg-75", "clean-jpeg-75")  #: that a wrong one is compared with


def parse_rule(
    text: str,
    *,
    level: Level = Level.ERROR,
    allow: frozenset[str] = frozenset(),
    where: Place | None = None,
) -> Rule:
    """Reads a rule.

    Args:
        text: as it is written.
        level: what happens if it is not kept.
        allow: ids of soundness checks that may fail.
        where: where it is written, for errors.

    Raises:
        UsageError: it is not a rule; the message has the column and the closest word.

    >>> rule = parse_rule("map[attack=strongest] drop <= 0.02")
    >>> rule.metric, dict(rule.filters), rule.comparison.value, rule.limit
    ('map', {'attack': 'strongest'}, 'drop <=', 0.02)
    """
    place = where or Place(name="a rule")
    reader = _Reader(text, place)
    metric = reader.word("a metric, such as map or precision@r2")
    against, plain = Against.parse(metric)
    filters = _filters(reader)
    comparison = _comparison(reader, against, metric)
    limit = _limit(reader, comparison)
    reader.end()
    return Rule(
        text=" ".join(text.split()),
        metric=plain,
        against=against,
        filters=filters,
        comparison=comparison,
        limit=limit,
        level=level,
        allow=allow,
        where=place,
    )


class _Reader:
    """The tokens of a rule, one after the other, with their columns."""

    def __init__(self, text: str, place: Place) -> None:
        self._text, self._place = text, place
        self._tokens: list[tuple[str, bool, int]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                raise self.error(f"{text[start]!r} has no meaning here", start, None)
            kind = "sign" if match["sign"] else "word"
            self._tokens.append((match[kind], kind == "word", match.start(kind)))
            position = match.end()
        self._next = 0

    @property
    def ahead(self) -> str | None:
        """The next token; None at the end."""
        return self._tokens[self._next][0] if self._next < len(self._tokens) else None

    def word(self, expected: str) -> str:
        """Takes a word."""
        if self.ahead is None or not self._tokens[self._next][1]:
            raise self.wrong(expected)
        return self.take()

    def sign(self, sign: str, expected: str) -> None:
        """Takes this sign."""
        if self.ahead != sign:
            raise self.wrong(expected)
        self.take()

    def take(self) -> str:
        """Takes the next token."""
        token = self._tokens[self._next][0]
        self._next += 1
        return token

    def end(self) -> None:
        """Requires that nothing is left."""
        if self.ahead is not None:
            raise self.wrong("the end of the rule")

    def wrong(self, expected: str, hint: str | None = None) -> UsageError:
        """The error that the next token is not what was expected."""
        if self.ahead is None:
            return self.error(f"it ends where {expected} should follow", self.column, hint)
        return self.error(f"{self.ahead!r} stands where {expected} should", self.column, hint)

    def last(self, message: str, hint: str | None = None) -> UsageError:
        """An error about the token that was taken last."""
        return self.error(message, self._tokens[self._next - 1][2], hint)

    @property
    def column(self) -> int:
        """Where the next token starts, from 0."""
        return self._tokens[self._next][2] if self.ahead is not None else len(self._text.rstrip())

    def error(self, message: str, position: int, hint: str | None) -> UsageError:
        """An error at a column, from 0."""
        said = visible(" ".join(self._text.split("\n")))
        return UsageError(
            f"{self._place}: rule {said!r}, column {position + 1}: {visible(message)}", hint=hint or _USUAL
        )


def _filters(reader: _Reader) -> dict[str, str]:
    filters: dict[str, str] = {}
    places: dict[str, int] = {}
    if reader.ahead != "[":
        return filters
    reader.take()
    while True:
        place = reader.column
        key = reader.word("a key, such as attack")
        if key not in KEYS:
            raise reader.last(f"unknown key {key!r}", _meant(key, KEYS))
        if key in filters:
            raise reader.last(f"{key} is given twice", "give each key once; a pattern may have the wildcards * and ?")
        reader.sign("=", f"= after {key}")
        pattern = reader.word(f"a value of {key}, or a pattern with * and ?")
        _check_filter(reader, key, pattern)
        filters[key], places[key] = pattern, place
        if reader.ahead == "]":
            reader.take()
            break
        reader.sign(",", "a comma or ]")
    clean = is_clean(filters.get("stage", ADVERSARIAL))
    odd = next((key for key in filters if key in ATTACK_KEYS), None)
    if clean and odd:
        raise reader.error(
            f"clean queries are not attacked, so {odd} tells none of them apart", places[odd], f"leave out {odd}"
        )
    return filters


def _check_filter(reader: _Reader, key: str, pattern: str) -> None:
    parse = {"epsilon": parse_radius, "edits": parse_edits}.get(key)
    if parse is not None and not is_wild(pattern):
        try:
            parse(pattern)
        except OptionError as error:
            raise reader.last(error.message, error.hint) from None
    if key == "stage" and not is_wild(pattern) and not is_stage(pattern):
        raise reader.last(
            f"unknown stage {pattern!r}",
            _meant(pattern, _STAGES),
        )


def _comparison(reader: _Reader, against: Against, metric: str) -> Comparison:
    token = reader.ahead
    if token in (">=", ">", "<=", "<"):
        return Comparison(reader.take())
    if token in ("drop", "rise"):
        reader.take()
        comparison = Comparison(f"{token} <=")
        fits = Comparison.RISE if against is Against.TARGET else Comparison.DROP
        if comparison is not fits:
            why = "higher when an attack succeeds" if against is Against.TARGET else "lower when an attack succeeds"
            raise reader.last(f"{metric} is {why}", f"write {metric} {fits.value} number")
        reader.sign("<=", f"<= after {token}")
        return comparison
    words = (">=", ">", "<=", "<", "drop", "rise")
    hint = _meant(token, words) if token and token[0].isalpha() else None
    raise reader.wrong("one of >= > <= < drop rise", hint)


def _limit(reader: _Reader, comparison: Comparison) -> float:
    text = reader.word("a number")
    if not _NUMBER.fullmatch(text):
        raise reader.last(f"{text!r} is not a number", None)
    value = float(text)
    if reader.ahead == "%":
        reader.take()
        if comparison.relative:
            raise reader.last(
                "a drop in per cent could be of the metric or of the baseline's value",
                f"a drop is in units of the metric: write {comparison.value} {value / 100:g}",
            )
        value /= 100
    if not 0 <= value <= 1:
        meant = f"write {value / 100:g} or {value:g}%" if 1 < value <= 100 and not comparison.relative else None
        raise reader.last(f"{text} is outside 0 to 1, as no metric is", meant or "write a number from 0 to 1")
    return value


def _meant(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {', '.join(known)}"
