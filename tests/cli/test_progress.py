"""Progress of long steps, on a terminal, in a pipe and when quiet."""

import io
import sys

import pytest
from rich.console import Console

from robusthash.cli.output.progress import progress
from robusthash.progress import Lines, animates, bars, duration
from robusthash.progress.steps import Steps


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
    monkeypatch.delenv("CI", raising=False)
    with progress(quiet=False) as report:
        report(0, 20, "training [1]")
        report(7, 20, "training [1]")
    shown = terminal.getvalue()
    assert "training [1]" in shown
    assert "7/20" in shown
    assert "\x1b[" in shown


@pytest.mark.parametrize("variable", [("TERM", "dumb"), ("CI", "true")])
def test_a_log_that_poses_as_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    assert animates(Terminal())
    monkeypatch.setenv(*variable)
    assert not animates(Terminal())


def test_a_text_that_changes_is_one_step_with_one_estimate() -> None:
    now = [0.0]
    told: list[str] = []
    lines = Lines(echo=told.append, clock=lambda: now[0])
    for done in range(101):
        lines.report(done, 100, f"loss {100 - done}")
        now[0] += 0.25
    assert told[:2] == ["loss 100: 0/100", "loss 80: 20/100, about 20 s left"]
    assert told[-1] == "loss 0: 100/100, took 25 s"


def test_a_night_of_work_fits_a_log() -> None:
    now = [0.0]
    told: list[str] = []
    lines = Lines(echo=told.append, clock=lambda: now[0])
    seconds = 8 * 3600
    for done in range(seconds):
        lines.report(done, seconds, "training")
        now[0] += 1
    assert 100 < len(told) < 200
    assert told[-1].endswith(" left")


def unfinished(*reports: tuple[int, int, str]) -> list[tuple[str, int]]:
    steps = Steps(lambda: 0.0)
    for report in reports:
        steps.report(*report)
    return [(one.what, one.done) for one in steps.unfinished]


@pytest.mark.parametrize(
    ("reports", "left"),
    [
        ([(1, 9, "loss 2"), (2, 9, "loss 1")], [("loss 1", 2)]),  # one step, whose text changes
        ([(1, 9, "loss 2"), (9, 9, "loss 1")], []),
        ([(0, 9, "cell"), (1, 5, "training")], [("cell", 0), ("training", 1)]),  # a step inside
        ([(0, 9, "cell"), (1, 5, "training"), (5, 5, "training"), (3, 9, "cell")], [("cell", 3)]),
        ([(0, 9, "cell"), (1, 5, "failed"), (3, 9, "cell")], [("cell", 3)]),  # inside an inner one nothing goes on
        ([(4, 9, "failed cell"), (0, 9, "next cell")], [("next cell", 0)]),  # nor does its sibling
    ],
)
def test_steps_are_told_apart(reports: list[tuple[int, int, str]], left: list[tuple[str, int]]) -> None:
    assert unfinished(*reports) == left


def test_the_estimate_leaves_out_what_was_done_before() -> None:
    now = [0.0]
    steps = Steps(lambda: now[0])
    steps.report(50, 100, "resumed")
    now[0] = 10.0
    assert steps.report(60, 100, "resumed").left(now[0]) == pytest.approx(40.0)
    assert steps.report(10, 100, "again").left(now[0]) is None


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_bar_is_one_line_however_narrow_the_terminal(width: int, encoding: str) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    with bars(Console(file=file, force_terminal=True, width=width, color_system=None)) as report:
        report(0, 3200, "cell")
        for done in range(1, 300):
            report(done, 320, f"epoch 1, loss {done / 7:.4f}, MAP 0.677 within the train split 図図図")
    frame = raw.getvalue().decode(encoding).rpartition("3200")[2].split("\x1b")[0]
    (line,) = frame.partition("\n")[2].splitlines()
    assert "299/320" in line
    assert len(line) < width


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3600, "1 h 0 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
