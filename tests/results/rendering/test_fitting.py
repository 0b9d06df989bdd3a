"""Tables in narrow terminals: what is omitted and in which order, what is told, and where words are wrapped."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash.results.rendering.fitting import ENDLESS, fit, fits
from robusthash.results.rendering.sheet import Column, Line, Table
from robusthash.results.rendering.wrapping import cells, longest_word, wrap

COLUMNS = (
    Column(name="model", words=True, grouped=True, least=11),
    Column(name="attack", words=True),
    Column(name="clean", omitted=1),
    Column(name="MAP [95 %]", ranged=True),
    Column(name="time/img", omitted=0),
)
BOARD = Table(
    columns=COLUMNS,
    lines=(
        Line(cells=("dpsh 32 bit", "noise", "0.992", "0.981 [0.965, 0.993]", "0.115 ms")),
        Line(cells=("dpsh 32 bit", "rnm steps=9", "0.992", "0.052 [0.052, 0.053]", "13.2 ms")),
    ),
)


def shown(table: Table, width: int) -> list[str]:
    """The lines of a table in a terminal, names included."""
    layout = fit(table, width)
    rows = (line for number in range(len(table.lines)) for line in layout.line(table, number, joined))
    return [*layout.head(table, joined), *rows]


def joined(parts: Sequence[str], _columns: object, _emphasis: object) -> str:
    return "".join(parts).rstrip()


def names(table: Table, width: int) -> list[str]:
    return [table.columns[place].name for place in fit(table, width).places]


@pytest.mark.parametrize(
    ("width", "head", "told"),
    [
        (ENDLESS, "model        attack       clean            MAP [95 %]  time/img", None),
        (64, "model        attack       clean            MAP [95 %]  time/img", None),
        (60, "model        attack   clean            MAP [95 %]  time/img", None),
        (52, "model        attack      clean            MAP [95 %]", "time/img"),
        (48, "model        attack                 MAP [95 %]", "time/img, clean"),
        (36, "model  attack            MAP [95 %]", "time/img, clean"),
        (30, "model        attack       MAP", "time/img, clean, intervals"),
    ],
)
def test_what_is_spare_is_omitted_by_priority_and_told(width: int, head: str, told: str | None) -> None:
    lines = shown(BOARD, width)
    assert lines[0].split() == head.split()
    assert all(len(line) <= width for line in lines)
    assert fit(BOARD, width).lacking == (told and f"not shown in {width} columns: {told}; COLUMNS=0 shows all")
    assert {"dpsh", "noise", "rnm", "0.981", "0.052"} <= {word for line in lines for word in line.split()}


def test_the_table_of_a_pipe() -> None:
    assert shown(BOARD, ENDLESS) == [
        "model        attack       clean            MAP [95 %]  time/img",
        "dpsh 32 bit  noise        0.992  0.981 [0.965, 0.993]  0.115 ms",
        "             rnm steps=9  0.992  0.052 [0.052, 0.053]   13.2 ms",
    ]


def test_an_empty_column_is_no_loss() -> None:
    table = Table(
        columns=(Column(name="attack", words=True), Column(name="flags", words=True, omitted=0)),
        lines=(Line(cells=("noise", "")),),
    )
    assert names(table, 20) == ["attack", "flags"]
    assert names(table, 8) == ["attack"]
    assert fit(table, 8).lacking is None


def test_a_name_is_broken_only_where_nothing_else_is_left_and_then_after_a_separator() -> None:
    table = Table(
        columns=(Column(name="model", words=True), Column(name="MAP")),
        lines=(Line(cells=("dpsh/prosgan-32bit", "0.5")),),
    )
    assert shown(table, 23) == ["model               MAP", "dpsh/prosgan-32bit  0.5"]
    assert shown(table, 18) == ["model          MAP", "dpsh/prosgan-  0.5", "32bit"]
    assert fits(table, 23)
    assert not fits(table, 22)


def test_numbers_may_have_two_lines_and_names_no_control_characters() -> None:
    table = Table(
        columns=(Column(name="model", words=True), Column(name="1")),
        lines=(Line(cells=("a\nb\x1b", "0.5\n±0.1")),),
    )
    assert shown(table, 40) == ["model        1", "a\\nb\\x1b   0.5", "          ±0.1"]


@given(st.text(alphabet="ab-/ 図", max_size=60), st.integers(2, 30))
def test_wrapping_loses_nothing_and_is_never_too_wide(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    if longest_word(text) <= width:
        assert " ".join(lines).split() == text.split()


@given(st.integers(20, 140))
def test_a_table_is_never_wider_than_the_terminal(width: int) -> None:
    assert fit(BOARD, width).width <= width
    assert names(BOARD, width)[:2] == ["model", "attack"]
    assert any(name.startswith("MAP") for name in names(BOARD, width))
