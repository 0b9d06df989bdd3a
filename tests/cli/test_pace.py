"""How often a bar is drawn: seldom enough to take little of the processor, and often enough to be looked at."""

import threading

import pytest

from robusthash.progress.pace import Pace, drawing


@pytest.mark.parametrize(
    ("took", "share", "drawn"),
    [
        (0.002, 1.0, 120),  # a second of work a second: twice a second
        (0.002, 0.25, 60),  # a quarter of a processor: a fifth of a second of work lasts nearly a second
        (0.02, 1.0, 30),  # a slow terminal: every two seconds
        (0.002, 0.0, 12),  # a process that waits: every five seconds
        (0.0, 0.0, 120),
    ],
)
def test_a_drawing_is_a_hundredth_of_the_work_at_most(took: float, share: float, drawn: int) -> None:
    """In a minute, looked at every half second, of a process that has this share of a processor."""
    now = 0.0
    pace = Pace(pause=0.5, share=100, longest=5.0, clock=lambda: now, work=lambda: now * share)
    count = 0
    pace.drawn(took)
    for half in range(1, 121):
        now = half / 2
        if pace.due():
            pace.drawn(took)
            count += 1
    assert count == drawn


def test_it_draws_until_it_ends() -> None:
    drawn = threading.Event()
    with drawing(drawn.set, pause=0.001, share=0.0, longest=5.0):
        assert drawn.wait(30)
    drawn.clear()
    assert not drawn.wait(0.05)
