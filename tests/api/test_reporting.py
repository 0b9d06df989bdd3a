"""Progress of API calls: bars where somebody watches, lines where they are asked for, and else nothing."""

import io
import sys
from typing import Any

import pytest

import robusthash as rh
from robusthash.api.surroundings import reporting
from robusthash.progress import in_notebook, notebook_bars


def test_nothing_is_written_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    rh.evaluate("dpsh", "noise", bits=8, queries=4, options={"train": {"epochs": 1}})
    assert capfd.readouterr() == ("", "")


def test_lines_are_written_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(progress=True) as report:
        report(0, 3, "training")
    assert capsys.readouterr().err == "training: 0/3\n"


def test_bars_are_drawn_on_a_terminal_unless_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for progress, drawn in ((None, True), (True, True), (False, False)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("CI", raising=False)
        with reporting(progress=progress) as report:
            report(1, 2, "training")
        assert bool(terminal.getvalue()) is drawn


class Display:
    """What IPython's display would do."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> "Display":
        self.shown.append(data)
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        self.shown.append(data)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Display:
    display = Display()

    class IPython:
        get_ipython = staticmethod(lambda: type("Shell", (), {"kernel": object()})())

    fake: Any = IPython
    fake.display = display
    monkeypatch.setitem(sys.modules, "IPython", fake)
    return display


def test_a_notebook_shows_bars_of_what_takes_long_and_clears_them(notebook: Display) -> None:
    assert in_notebook()
    now = [0.0]
    with notebook_bars(clock=lambda: now[0]) as report:
        report(1, 4, "quick")
        assert notebook.shown == []
        now[0] = 1.0
        report(2, 5, "a < b")
        report(3, 5, "a < b")  # too soon after the last
        now[0] = 1.2
        report(5, 5, "a < b")
    first, second, last = notebook.shown
    assert first["text/plain"] == "quick: 1/4\na < b: 2/5"
    assert '<progress value="2" max="5"></progress> a &lt; b: 2/5' in first["text/html"]
    assert second["text/plain"] == "quick: 1/4"
    assert last == {"text/plain": "", "text/html": ""}


def test_a_notebook_shows_nothing_of_what_is_quick(notebook: Display) -> None:
    with reporting(progress=None) as report:
        report(1, 2, "training")
    assert notebook.shown == []


def test_this_is_no_notebook() -> None:
    assert not in_notebook()
