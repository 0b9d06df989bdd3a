"""Threats in L2: projection, delivery and random points, against definitions; and faults of them, which are seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays
from torch import Tensor

from robusthash.contracts import (
    PIXELS,
    Attack,
    AttackBatch,
    AttackContext,
    Box,
    Norm,
    Radius,
    Threat,
    parse_radius,
)
from robusthash.contracts.attacking.balls.l2 import L2
from robusthash.errors import OptionError
from robusthash.testing import SmallVictim, toy_batch, toy_context

SHAPE = (4, 3, 4, 4)
levels = arrays("uint8", SHAPE).map(lambda a: torch.from_numpy(a).float() / 255)
anything = arrays("float32", SHAPE, elements=st.floats(-3, 3, width=32)).map(torch.from_numpy)
near = arrays("float32", SHAPE, elements=st.floats(-0.03125, 0.03125, width=32)).map(torch.from_numpy)
sizes = st.one_of(st.sampled_from([0.0, 0.5, 128 / 255, 1.5]), st.floats(0, 8))
BOXES = [Box(), Box(low=-1.0, high=3.0), Box(low=-1.0, high=3.0, levels=8)]


def length(changed: Tensor, clean: Tensor) -> Tensor:
    return (changed.double() - clean.double()).square().flatten(1).sum(1).sqrt()


def nearest(inputs: Tensor, clean: Tensor, radius: float, box: Box) -> Tensor:
    """The nearest point of ball and box, by Dykstra's alternating projections, in float64."""
    found, centre = inputs.double(), clean.double()
    of_ball, of_box = torch.zeros_like(found), torch.zeros_like(found)
    for _ in range(2000):
        before = found
        change = found + of_ball - centre
        scale = (radius / change.flatten(1).norm(dim=1).clamp_min(1e-300)).clamp_max(1).view(-1, 1, 1, 1)
        in_ball = centre + scale * change
        of_ball = found + of_ball - in_ball
        found = (in_ball + of_box).clamp(box.low, box.high)
        of_box = in_ball + of_box - found
        if (found - before).abs().max() < 1e-9:
            break
    return found


# --- what a ball has to do, as functions of it, so that faults can be seeded ------------------------------------------


def projects_to_the_nearest_point(ball: L2) -> None:
    """Of points near and far, around centres on the box's edge and inside it."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(SHAPE, generator=generator)
    clean[0], clean[1, :, 0] = 0.0, 1.0
    for spread, size, unit in ((0.1, 0.5, BOXES[0]), (2.0, 0.5, BOXES[0]), (2.0, 3.0, BOXES[1])):
        centre = unit.low + clean * unit.width
        inputs = centre + spread * unit.width * torch.randn(SHAPE, generator=generator)
        found = ball.project(inputs, centre, size, unit)
        wanted = nearest(inputs, centre, size * unit.width, unit)
        torch.testing.assert_close(found.double(), wanted, atol=2e-5 * unit.width, rtol=0)
        assert (length(found, centre) <= size * unit.width).all()


def delivers_inside(ball: L2) -> None:
    """On the levels, inside, and as near as a level; nearly as far from the clean input as the radius allows."""
    generator = torch.Generator().manual_seed(1)
    clean = (torch.rand(8, 3, 16, 16, generator=generator) * 255).round() / 255
    for size in (0.5, 1.5, 128 / 255):
        inside = ball.project(clean + torch.randn(clean.shape, generator=generator), clean, size, PIXELS)
        found = ball.deliver(inside, clean, size, PIXELS)
        assert torch.equal(found, PIXELS.nearest(found))
        assert (((found - inside) * 255).abs() < 1 + 1e-3).all()
        steps = ((found.double() - clean.double()) * 255).round().square().flatten(1).sum(1)
        assert (steps <= (size * 255) ** 2 + 1e-6).all()
        assert (length(found, clean) >= 0.99 * size).all()


def draws_evenly(ball: L2) -> None:
    """Uniformly in the ball: in three dimensions a point is within half of the radius one time in eight."""
    clean = torch.full((20_000, 3), 0.5)
    found = ball.point(torch.rand(clean.shape, generator=torch.Generator().manual_seed(0)), clean, 0.4, Box())
    assert (length(found, clean) <= 0.4).all()
    assert abs(float((length(found, clean) <= 0.2).double().mean()) - 1 / 8) < 0.01
    assert (found.mean(0) - 0.5).abs().max() < 0.01
    assert ((found - 0.5).square().mean(0) - 0.4**2 / 5).abs().max() < 0.001


@pytest.mark.parametrize("demand", [projects_to_the_nearest_point, delivers_inside, draws_evenly])
def test_the_ball_does_what_it_has_to(demand: Callable[[L2], None]) -> None:
    demand(L2())


class ScalesAlone(L2):
    """Scales to the radius, then clips to the box: inside both, and not the nearest point."""

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        change = inputs - clean
        scale = (size * box.width / change.flatten(1).norm(dim=1).clamp_min(1e-30)).clamp_max(1)
        return box.clamp(clean + scale.view(-1, *[1] * (clean.ndim - 1)) * change)


class ABitTooFar(L2):
    """A ten-thousandth outside."""

    def project(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        return super().project(inputs, clean, size * 1.0001, box)


class RoundsToTheNearest(L2):
    def deliver(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        return box.nearest(inputs)


class RoundsTowardTheClean(L2):
    def deliver(self, inputs: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        return box.toward(inputs, clean)


class OnTheSphere(L2):
    """All of the radius, always."""

    def point(self, uniform: Tensor, clean: Tensor, size: float, box: Box) -> Tensor:
        found = super().point(uniform, clean, size, box) - clean
        return clean + size * found / found.flatten(1).norm(dim=1, keepdim=True)


@pytest.mark.parametrize(
    ("fault", "demand"),
    [
        (ScalesAlone, projects_to_the_nearest_point),
        (ABitTooFar, projects_to_the_nearest_point),
        (RoundsToTheNearest, delivers_inside),
        (RoundsTowardTheClean, delivers_inside),
        (OnTheSphere, draws_evenly),
    ],
)
def test_a_seeded_fault_is_seen(fault: type[L2], demand: Callable[[L2], None]) -> None:
    with pytest.raises(AssertionError):
        demand(fault())


# --- for all inputs ---------------------------------------------------------------------------------------------------


@given(levels, anything, sizes)
def test_projection_and_delivery_never_leave_ball_and_box(clean: Tensor, inputs: Tensor, size: float) -> None:
    threat = Threat(epsilon=size, norm=Norm.L2)
    projected = threat.project(inputs, clean)
    delivered = threat.deliver(projected, clean)
    for found in (projected, delivered):
        assert threat.contains(found, clean).all()
        assert (length(found, clean) <= size + threat.tolerance).all()
    assert torch.equal(delivered, PIXELS.nearest(delivered))
    assert torch.equal(threat.project(projected, clean), projected)
    assert torch.equal(threat.deliver(delivered, clean), delivered)


@pytest.mark.parametrize("side", [4, 64])
@pytest.mark.parametrize("size", [0.0001, 1 / 128, 0.5])
def test_elements_that_are_rounded_the_same_way_do_not_leave_a_small_ball(size: float, side: int) -> None:
    threat = Threat(epsilon=size, norm=Norm.L2)
    clean = torch.arange(1, 255).view(-1, 1, 1, 1).expand(-1, 3, side, side) / 255
    projected = threat.project(torch.zeros_like(clean), clean)
    assert (length(projected, clean) <= size).all()
    assert torch.equal(threat.project(projected, clean), projected)


@given(levels, near)
def test_what_is_inside_is_left_as_it_is(clean: Tensor, change: Tensor) -> None:
    inside = PIXELS.clamp(clean + change)
    assert torch.equal(Threat(epsilon=1.0, norm=Norm.L2).project(inside, clean), inside)


@pytest.mark.parametrize("box", BOXES)
def test_a_radius_is_in_widths_of_the_box(box: Box) -> None:
    threat = Threat(epsilon=0.5, box=box, norm=Norm.L2)
    clean = torch.full((1, 2), box.low)
    assert threat.radius == 0.5 * box.width
    assert threat.even(4) == 0.25 * box.width
    moved = clean + torch.tensor([[0.3, 0.4]]) * box.width
    torch.testing.assert_close(threat.distance(moved, clean), torch.tensor([0.5]))
    assert threat.contains(moved, clean).tolist() == [True]
    assert threat.contains(moved + 0.01, clean).tolist() == [False]
    assert threat.contains(clean - 0.01, clean).tolist() == [False], "outside the box"


def test_no_query_needs_another_in_its_batch() -> None:
    """Each row is projected and delivered as it is alone."""
    batch = toy_batch(SmallVictim(), size=5)
    threat, far = Threat(epsilon=0.7, norm=Norm.L2), batch.inputs.flip(0) + 0.3
    projected = threat.project(far, batch.inputs)
    delivered = threat.deliver(projected, batch.inputs)
    for row in range(5):
        alone = threat.project(far[row : row + 1], batch.inputs[row : row + 1])
        torch.testing.assert_close(alone[0], projected[row], atol=1e-6, rtol=0)
        assert torch.equal(threat.deliver(projected[row : row + 1], batch.inputs[row : row + 1])[0], delivered[row])


def test_without_queries_nothing_is_done() -> None:
    none = torch.zeros(0, 3, 4, 4)
    threat = Threat(epsilon=0.7, norm=Norm.L2)
    assert threat.project(none, none).shape == threat.point(none, none).shape == threat.deliver(none, none).shape


@pytest.mark.parametrize("size", [64.0, 1e9, 1e17])
def test_a_radius_beyond_the_box_bounds_nothing_but_the_box(size: float) -> None:
    """Up to the largest radius that can be written, whose square in levels is no integer of 64 bits."""
    clean = toy_batch(SmallVictim(), size=2).inputs
    inputs = 1 - 0.317 * clean  # no element is half-way between two levels
    threat = Threat(epsilon=size, norm=Norm.L2)
    assert torch.equal(threat.project(inputs, clean), inputs)
    assert torch.equal(threat.deliver(inputs, clean), PIXELS.nearest(inputs))
    drawn = threat.point(torch.rand_like(clean), clean)
    assert threat.contains(drawn, clean).all()


# --- how a radius is written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "norm", "size", "shown"),
    [
        ("l2:0.5", Norm.L2, 0.5, "L2 0.5"),
        (" L2 : 128/255", Norm.L2, 128 / 255, "L2 128/255"),
        ("l2:12", Norm.L2, 12.0, "L2 12"),
        ("linf:8/255", Norm.LINF, 8 / 255, "Linf 8/255"),
        ("8/255", Norm.LINF, 8 / 255, "Linf 8/255"),
    ],
)
def test_a_radius_is_read_and_written(text: str, norm: Norm, size: float, shown: str) -> None:
    found = parse_radius(text)
    assert found == Radius(size=size, norm=norm)
    assert str(found) == shown
    assert parse_radius(found.text) == found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("l2:", "l2:0.5"),
        ("l2:-1", "l2:0.5"),
        ("l2:nan", "l2:0.5"),
        ("l2:inf", "l2:0.5"),
        ("l1:3", "l2:0.5"),
        ("3", "8/255"),
    ],
)
def test_a_bad_radius_is_refused_with_the_right_form(text: str, hint: str) -> None:
    with pytest.raises(OptionError, match=hint):
        parse_radius(text)


# --- the guard --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Attempt(Attack):
    """Does what a test wants."""

    deed: Callable[[Tensor], Tensor]

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return self.deed(batch.inputs)


def test_the_guard_keeps_an_attack_to_the_length_and_counts_what_it_undid() -> None:
    victim = SmallVictim()
    batch = toy_batch(victim, size=3)
    clean = torch.full_like(batch.inputs, 128 / 255)
    context = toy_context(victim, epsilon=Radius(size=0.5, norm=Norm.L2))

    def far(inputs: Tensor) -> Tensor:
        changed = inputs.clone()
        changed[0, 0, 0, :4] += 0.25  # a length of 0.5
        changed[1, 0, 0, :4] += 0.26
        return changed

    result = Attempt(deed=far)(replace(batch, inputs=clean), context)
    assert result.clipped.tolist() == pytest.approx([0.0, 4 / 768, 0.0])
    assert (length(result.inputs, clean) <= 0.5).all()
    torch.testing.assert_close(length(result.unrounded, clean)[:2], torch.full((2,), 0.5).double(), atol=1e-5, rtol=0)
