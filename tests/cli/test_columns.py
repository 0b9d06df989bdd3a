"""Columns of text: aligned, folded where they have to be, and as wide as whoever reads them."""

import io

import pytest

from robusthash.cli.columns import lay_out, limit

ROWS = [("models", "what", "paper"), ("csq", "hash centres of the classes of an item", "yuan2020"), ("x", "", "")]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert list(lay_out(ROWS, folded=1, width=200)) == [
        "models  what                                    paper",
        "csq     hash centres of the classes of an item  yuan2020",
        "x",
    ]


def test_one_column_is_folded_to_fit() -> None:
    lines = list(lay_out(ROWS, folded=1, width=40))
    assert lines == [
        "models  what                    paper",
        "csq     hash centres of the     yuan2020",
        "        classes of an item",
        "x",
    ]
    assert list(lay_out(ROWS, folded=1, width=1)) == list(lay_out(ROWS, folded=1, width=38))


def test_a_pipe_has_no_limit_but_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert limit(io.StringIO()) is None
    monkeypatch.setenv("COLUMNS", "77")
    assert limit(io.StringIO()) == 77
