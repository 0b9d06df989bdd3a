"""Smoothed gradients: each part against its published update, worked on functions whose gradient is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Smoother, Smoothing
from robusthash.adversary.smoothing import Unsmoothed, placement
from robusthash.contracts import Randomness, Threat
from robusthash.errors import OptionError

IDS = torch.arange(3)
RANDOM = Randomness(seed=0, purpose="smoothing")
View = Callable[[Tensor], Tensor]


def smoother(options: Smoothing, *, ids: Tensor = IDS, restart: int = 0) -> Smoother:
    return Smoother(options, RANDOM, ids, threat=Threat(epsilon=0.1), size=0.01, restart=restart)


def cubic(points: Tensor, view: View) -> Tensor:
    """Gradient of ``sum v^3`` over the view v of the points."""
    leaf = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad((view(leaf) ** 3).sum(), leaf)
    return gradient


@pytest.fixture
def image() -> Tensor:
    return torch.rand(3, 3, 6, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("plain", [Unsmoothed(), smoother(Smoothing())], ids=["none", "default"])
def test_by_default_nothing_is_done(plain: Unsmoothed, image: Tensor) -> None:
    assert not plain.elsewhere
    plain.keep(IDS[:2])
    assert plain.accumulate(image) is image
    assert torch.equal(plain.gradient(cubic, image), 3 * image**2)


def test_momentum_adds_gradients_of_mean_one(image: Tensor) -> None:
    """MI: ``v = mu v + g / mean|g|``, image by image."""
    moving = smoother(Smoothing(decay=0.5))
    one, two = 7 * image, -image.flip(0)
    unit = [g / g.abs().mean((1, 2, 3), keepdim=True) for g in (one, two)]
    torch.testing.assert_close(moving.accumulate(one), unit[0])
    torch.testing.assert_close(moving.accumulate(two), 0.5 * unit[0] + unit[1])
    assert torch.isfinite(moving.accumulate(torch.zeros_like(image))).all()


def test_look_ahead_is_along_the_accumulated_gradient(image: Tensor) -> None:
    """NI: the gradient at ``x - size mu v``; at x itself before the first step."""
    ahead = smoother(Smoothing(decay=0.5, nesterov=True))
    torch.testing.assert_close(ahead.gradient(cubic, image), 3 * image**2)
    velocity = ahead.accumulate(image)
    point = (image - 0.01 * 0.5 * velocity).clamp(0, 1)
    torch.testing.assert_close(ahead.gradient(cubic, image), 3 * point**2)


def test_scales_are_halves_of_halves(image: Tensor) -> None:
    """SI: the mean over x / 2^i of the gradient with respect to x: factors 1, 2, 4, 8, 16."""
    expected = sum(3 * (image / d) ** 2 / d for d in (1, 2, 4, 8, 16)) / 5
    torch.testing.assert_close(smoother(Smoothing(scales=5)).gradient(cubic, image), torch.as_tensor(expected))


def test_variance_corrects_the_next_gradient(image: Tensor) -> None:
    """VMI: the second gradient gets the neighbours' mean at the first point, less the first gradient."""
    points: list[Tensor] = []

    def watched(at: Tensor, view: View) -> Tensor:
        points.append(at)
        return cubic(at, view)

    tuned = smoother(Smoothing(variance=4, reach=1.5))
    first = tuned.gradient(watched, image)
    torch.testing.assert_close(first, 3 * image**2)
    assert len(points) == 5
    offsets = torch.stack([p - image for p in points[1:]])
    inside = (image > 0.15) & (image < 0.85)
    assert offsets.abs().max() <= 0.15 + 1e-6
    assert offsets[:, inside].abs().max() > 0.14
    drift = torch.stack([3 * p**2 for p in points[1:]]).mean(0) - first
    torch.testing.assert_close(tuned.gradient(cubic, image / 2), 3 * (image / 2) ** 2 + drift)


def test_diversity_shrinks_a_share_of_the_images() -> None:
    images = torch.ones(200, 3, 20, 20)
    seen: list[Tensor] = []

    def watched(points: Tensor, view: View) -> Tensor:
        seen.append(view(points))
        return points

    smoother(Smoothing(diversity=0.3, shrink=0.5), ids=torch.arange(200)).gradient(watched, images)
    lit = (seen[0] > 0.5).float().mean((1, 2, 3)).sqrt() * 20
    # A shrunk white image is a white square on black, 10 to 20 pixels wide.
    torch.testing.assert_close(lit, lit.round(), atol=1e-3, rtol=0)
    assert lit.min() == pytest.approx(10, abs=1e-3)
    # Three tenths of 200 are shrunk, one in twenty of those to full size; give or take four standard deviations.
    assert abs(int((lit < 19.5).sum()) - 57) < 4 * (200 * 0.3 * 0.7) ** 0.5
    corners = (seen[0][:, 0, 0, 0] == 0) & (seen[0][:, 0, -1, -1] == 0)
    assert corners.any()


def test_passes_average_what_a_randomised_model_gives(image: Tensor) -> None:
    """EOT: the mean over n passes has the mean of one, and a variance of 1/n of it."""
    random = torch.Generator().manual_seed(0)

    def noisy(points: Tensor, view: View) -> Tensor:
        return cubic(points, view) + torch.randn(points.shape, generator=random)

    spread = {}
    for passes in (1, 16):
        averaged = smoother(Smoothing(passes=passes))
        assert averaged.options.elsewhere == (passes > 1)
        draws = torch.stack([averaged.gradient(noisy, image) - 3 * image**2 for _ in range(60)])
        spread[passes] = float(draws.var(0).mean())
        # The mean of 60 draws of 270 numbers; give or take five standard deviations.
        assert abs(float(draws.mean())) < 5 * (1 / (passes * draws.numel())) ** 0.5
    assert spread[1] == pytest.approx(1, rel=0.1)
    assert spread[16] == pytest.approx(1 / 16, rel=0.1)


def test_passes_are_of_one_view(image: Tensor) -> None:
    """A view is drawn once and passed as often as asked; each scale has its own."""
    seen: list[Tensor] = []

    def watched(points: Tensor, view: View) -> Tensor:
        seen.append(view(points))
        return points

    averaged = smoother(Smoothing(passes=3, scales=2, diversity=1.0, shrink=0.3)).gradient(watched, image)
    torch.testing.assert_close(averaged, image)
    assert len(seen) == 6
    assert all(torch.equal(view, seen[0]) for view in seen[1:3])
    assert all(torch.equal(view, seen[3]) for view in seen[4:])
    assert not torch.equal(seen[0] / 2, seen[3])


@pytest.mark.parametrize("size", [1, 7, 12])
def test_placement_at_full_size_changes_nothing(size: int) -> None:
    identity = placement(torch.ones(1, dtype=torch.float64), torch.tensor([0.99], dtype=torch.float64), size)
    assert torch.equal(identity[0], torch.eye(size, dtype=torch.float64))


@pytest.mark.parametrize(("side", "place"), [(0.5, 0.0), (0.5, 0.99), (0.7, 0.4), (0.9, 0.5), (0.05, 0.5)])
def test_placement_is_torch_s_own_resizing(side: float, place: float) -> None:
    line = torch.rand(1, 1, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    share, where = (torch.tensor([value], dtype=torch.float64) for value in (side, place))
    matrix = placement(share, where, 10)
    length = max(round(side * 10), 1)
    start = int(place * (11 - length))
    expected = torch.zeros(10, dtype=torch.float64)
    resized = torch.nn.functional.interpolate(line, size=length, mode="linear", align_corners=False)
    expected[start : start + length] = resized.flatten()
    torch.testing.assert_close(matrix[0] @ line.flatten(), expected)


def test_what_a_query_gets_is_its_own(image: Tensor) -> None:
    """Not its place in the batch, nor who else is still there, but the query, the step and the restart decide."""
    options = Smoothing(decay=0.9, nesterov=True, diversity=0.9, shrink=0.5, scales=2, variance=2)
    order = torch.tensor([2, 0, 1])
    whole, shuffled, again = smoother(options), smoother(options, ids=IDS[order]), smoother(options, restart=1)
    for _ in range(2):
        ours = whole.accumulate(whole.gradient(cubic, image))
        theirs = shuffled.accumulate(shuffled.gradient(cubic, image[order]))
        others = again.accumulate(again.gradient(cubic, image))
        assert torch.equal(theirs, ours[order])
        assert not torch.equal(ours, others)
    rows = torch.tensor([1])
    shuffled.keep(rows)
    left = shuffled.accumulate(shuffled.gradient(cubic, image[order][rows]))
    torch.testing.assert_close(left, whole.accumulate(whole.gradient(cubic, image))[:1])


@pytest.mark.parametrize(
    "options",
    [
        {"nesterov": True},
        {"diversity": 1.5},
        {"shrink": 0.0},
        {"scales": 0},
        {"variance": -1},
        {"reach": 0.0},
        {"decay": -0.1},
        {"passes": 0},
    ],
)
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        Smoothing(**options)  # type: ignore[arg-type]  # the names are its fields


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"shrink": 0.5, "reach": 3.0}, False),  # of what is off
        ({"decay": 0.0}, True),  # without memory, but each gradient is scaled
        ({"diversity": 0.5}, True),
        ({"scales": 2}, True),
        ({"variance": 1}, True),
        ({"passes": 2}, True),
    ],
)
def test_a_smoothing_says_whether_it_changes_gradients(options: dict[str, float], expected: bool) -> None:
    assert Smoothing(**options).changes is expected  # type: ignore[arg-type]
