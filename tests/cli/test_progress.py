"""Progress of long steps, on a terminal, in a pipe and when quiet."""

import io
import sys

import pytest

from robusthash.cli.progress import Lines, duration, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_come_now_and_then() -> None:
    now = [0.0]
    told: list[str] = []
    lines = Lines(echo=told.append, clock=lambda: now[0])
    for done in range(101):
        lines.report(done, 100, "training")
        now[0] += 0.25
    assert told == [
        "training: 0/100",
        "training: 20/100, about 20 s left",
        "training: 40/100, about 15 s left",
        "training: 60/100, about 10 s left",
        "training: 80/100, about 5 s left",
        "training: 100/100, took 25 s",
    ]


def test_many_short_steps_are_few_lines() -> None:
    now = [0.0]
    told: list[str] = []
    lines = Lines(echo=told.append, clock=lambda: now[0])
    for step in range(100):
        for done in (0, 2):
            lines.report(done, 2, f"step {step}")
            now[0] += 0.125
    assert told == [f"step {step}: 0/2" for step in (0, 20, 40, 60, 80)]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as report:
        report(0, 2, "training")
        report(2, 2, "training")
    assert capsys.readouterr() == ("", "")


def test_a_pipe_gets_plain_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as report:
        report(0, 2, "training [1]")
    assert capsys.readouterr() == ("", "training [1]: 0/2\n")


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(quiet=False) as report:
        report(0, 20, "training [1]")
        report(7, 20, "training [1]")
    shown = terminal.getvalue()
    assert "training [1]" in shown
    assert "7/20" in shown
    assert "\x1b[" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3600, "1 h 0 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
