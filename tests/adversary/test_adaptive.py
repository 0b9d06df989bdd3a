"""Auto-PGD's step rule against walks worked out by hand."""

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Step, step_rule
from robusthash.adversary.adaptive import checkpoints


def anywhere(point: Tensor) -> Tensor:
    """No ball and no box."""
    return point


def test_checkpoints_by_hand() -> None:
    """Gaps in hundredths: 22, 19, 16, 13, 10, 7, then 6 for good, rounded up to whole steps."""
    assert checkpoints(100) == (0, 22, 41, 57, 70, 80, 87, 93, 99)
    assert checkpoints(1000) == (0, 220, 410, 570, 700, 800, 870, 930, 990)
    assert checkpoints(10) == (0, 3, 5, 6, 7, 8, 9, 10)
    assert checkpoints(1) == (0, 1)


def test_a_walk_that_overshoots_is_halved_and_restarts_from_its_best() -> None:
    """``abs(x)`` from 1, at size 8, with checkpoints before steps 3 and 5 of 10.

    One full step to -7. Then three quarters of the new step and a quarter of the last: -7 + 6 - 2 = -3; -3 + 6 + 1 = 4.
    One fall in three is not enough: at half the size from the best point, 1, coming from -3: 1 - 3 + 1 = -1; and
    -1 + 3 - 1/2 = 3/2. No fall in two: again halved, again from 1, coming from -1: 1 - 3/2 + 1/2 = 0.
    """
    rule, point = step_rule(Step.ADAPTIVE, size=8.0, steps=10), torch.ones(1, 1, 1, 1)
    walk = []
    for _ in range(6):
        point = rule.move(point, point.sign(), point.abs().flatten(), anywhere)
        walk.append(point.item())
    assert walk == [-7, -3, 4, -1, 1.5, 0]


def test_a_restart_takes_the_gradient_of_the_best_point() -> None:
    """Best at the start, where the gradient is -1; +1 at every other point. T = 10 looks back before step 3."""
    rule, zero = step_rule(Step.ADAPTIVE, size=1.0, steps=10), torch.zeros(1, 1, 1, 1)
    for loss, slope in ((0.0, -1.0), (3.0, 1.0), (2.0, 1.0)):
        rule.move(zero, zero + slope, torch.tensor([loss]), anywhere)
    assert rule.move(zero, zero + 1, torch.tensor([1.0]), anywhere).item() == 0.75 / 2


def sizes(losses: list[list[float]], steps: int) -> list[list[float]]:
    """The size of each step, a row a step, of samples that stand still while their losses are as given."""
    rule, still = step_rule(Step.ADAPTIVE, size=1.0, steps=steps), torch.zeros(len(losses[0]), 1, 1, 1)
    moved = [rule.move(still, torch.ones_like(still), torch.tensor(row), anywhere).flatten() for row in losses]
    return [(-step / (0.75 if count else 1)).tolist() for count, step in enumerate(moved)]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        # Always falling.
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3], [1, 1, 1]),
        # Four falls of five are enough; two of four are not.
        ([9, 10, 8, 7, 6, 5, 4, 3, 4, 5, 2, 1, 0], [1, 0.5, 0.5]),
        # Three of four are: that is exactly the share.
        ([9, 8, 7, 6, 5, 4, 3, 2, 3, 1, 0, -1, -2], [1, 1, 1]),
        # Enough falls at first; then three of four again, but none below the best of then.
        ([9, 8, 7, 6, 5, 4, 9, 8, 7, 6, 3, 2, 1], [1, 0.5, 0.5]),
        # Enough falls, but never below the start. Then as often, but the size has just changed; then it has not.
        ([0, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1.9, 1.8, 1.7], [0.5, 0.5, 0.25]),
    ],
)
def test_both_conditions_halve(losses: list[float], expected: list[float]) -> None:
    """The checkpoints of 20 steps are before steps 5, 9 and 12; the sizes are those of these steps."""
    assert checkpoints(20)[:4] == (0, 5, 9, 12)
    found = [row[0] for row in sizes([[loss] for loss in losses], 20)]
    assert found == [1] * 5 + [expected[0]] * 4 + [expected[1]] * 3 + [expected[2]]


def test_after_a_restart_a_fall_is_below_the_best() -> None:
    """3 is below the loss of the point that was left, 6, but not below that of the point it went back to, 0."""
    losses = [0.0, 10, 9, 8, 7, 6, 3, 2, 3, 2]
    # From 0: 3 is no fall, 2 is, 3 is not, 2 is: two of four.
    assert [row[0] for row in sizes([[loss] for loss in losses], 20)][9] == 0.25


def test_each_sample_has_its_own_size() -> None:
    falling, rising = torch.arange(13.0).flip(0), torch.arange(13.0)
    rows = torch.stack([falling, rising], dim=1).tolist()
    assert sizes(rows, 20)[12] == [1, 0.125]


def test_beats_sign_steps_on_an_ill_conditioned_loss() -> None:
    """A quadratic of condition 1,000 over twenty dimensions: fixed sign steps end up rattling across the valley."""
    random = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(20, 20, generator=random, dtype=torch.float64))
    hessian = basis @ torch.diag(torch.logspace(-3, 0, 20, dtype=torch.float64)) @ basis.T
    start = torch.rand(8, 20, 1, 1, generator=random, dtype=torch.float64) - 0.5
    outcome = {}
    for step in (Step.SIGN, Step.ADAPTIVE):
        rule, point = step_rule(step, size=step.share, steps=100), start
        best = torch.full((8,), torch.inf, dtype=torch.float64)
        for _ in range(100):
            flat = point.flatten(1)
            losses = (flat @ hessian * flat).sum(1) / 2
            best = torch.minimum(best, losses)
            point = rule.move(point, (flat @ hessian).view_as(point), losses, lambda inside: inside.clamp(-1, 1))
        outcome[step] = best
    assert (outcome[Step.ADAPTIVE] < outcome[Step.SIGN] / 2).all()
