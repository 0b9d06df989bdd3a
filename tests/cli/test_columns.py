"""Tables and paragraphs without rich: fitted to the terminal, and whole in a pipe."""

import io
import sys
from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.cli.output.columns import paragraph
from robusthash.results.rendering.fitting import ENDLESS
from robusthash.results.rendering.room import room


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_has_no_limit_but_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert room(io.StringIO()) == ENDLESS
    assert room(Terminal()) < ENDLESS
    monkeypatch.setenv("COLUMNS", "77")
    assert room(io.StringIO()) == room(Terminal()) == 77
    monkeypatch.setenv("COLUMNS", "0")
    assert room(Terminal()) == ENDLESS


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("command", [["plugins", "list"], ["data", "list"], ["plugins", "show", "rnm"]])
def test_a_listing_fits_the_terminal_and_says_what_it_omits(
    command: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 0
    whole = capsys.readouterr().out
    assert "not shown" not in whole
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(command) == 0
    fitted = capsys.readouterr().out
    assert f"not shown in {width} columns: " in fitted or width > 60
    words = set(whole.split())
    lines = [line for line in fitted.splitlines() if "not shown in" not in line]
    assert max(map(len, lines)) <= width
    broken = [word for line in lines for word in line.split() if word not in words]
    assert not broken or width < 60  # a name or two is too long for that


def test_a_paragraph_is_wrapped_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    path = str(Path("a-folder") / "with" / "a-very-long-path")
    paragraph(f"  FAIL: the rule wants {path} to be", indent=2)
    assert capsys.readouterr().out.splitlines() == [
        "  FAIL: the rule wants",
        f"    {path}",
        "    to be",
    ]
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.delenv("COLUMNS")
    paragraph("word " * 99)
    assert sys.stdout.getvalue().count("\n") == 1  # type: ignore[attr-defined]
