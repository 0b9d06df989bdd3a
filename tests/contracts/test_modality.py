"""Boxes of any kind of input: projection, random starts, delivery; and images to the byte as they always were."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis.extra.numpy import arrays
from torch import Tensor

from robusthash.contracts import IMAGE, PIXELS, TEXT, Box, Modality, Threat
from robusthash.errors import ContractError

SHAPE = (2, 9)
WIDE = Box(low=-1.0, high=3.0, levels=4)  #: -1, 0, 1, 2, 3
TAGS = Box(levels=1)  #: present or absent
CONTINUOUS = Box(low=-2.5, high=0.5)
BOXES = [WIDE, TAGS, CONTINUOUS, PIXELS]

unit = arrays("float32", SHAPE, elements=st.floats(0, 1, width=32)).map(torch.from_numpy)
anywhere = arrays("float32", SHAPE, elements=st.floats(-2, 2, width=32)).map(torch.from_numpy)
levels = st.one_of(st.none(), st.sampled_from([1, 2, 3, 4, 7, 10, 100, 255, 1000]))
boxes = st.one_of(
    st.sampled_from(BOXES),
    st.builds(
        lambda low, width, levels: Box(low=low, high=low + width, levels=levels),
        st.floats(-8, 8),
        st.floats(0.125, 16),
        levels,
    ),
)
epsilons = st.one_of(st.sampled_from([0.0, 0.25, 1.0]), st.floats(0, 1))


def placed(box: Box, unit: Tensor) -> Tensor:
    """From [0, 1] to the box."""
    return box.low + unit * box.width


def slack(box: Box) -> float:
    """What float32 may be off, in the units of the box."""
    return 4e-7 * (abs(box.low) + abs(box.high))


@given(boxes, anywhere)
def test_the_nearest_point_is_in_the_box_on_its_levels_and_its_own_nearest(box: Box, unit: Tensor) -> None:
    inputs = placed(box, unit)
    found = box.nearest(inputs)
    assert ((found >= box.low) & (found <= box.high)).all()
    assert torch.equal(box.nearest(found), found)
    inside = inputs.clamp(box.low, box.high)
    if box.levels is None:
        assert torch.equal(found, inside)
    else:
        index = (found.double() - box.low) / box.width * box.levels
        assert ((index - index.round()).abs() < 1e-3).all()
        assert ((found - inside).abs() <= box.width / box.levels / 2 + slack(box)).all()


@given(boxes, unit, anywhere, epsilons)
def test_projection_is_the_nearest_point_of_ball_and_box(box: Box, unit: Tensor, other: Tensor, epsilon: float) -> None:
    threat = Threat(epsilon=epsilon, box=box)
    clean, inputs = box.nearest(placed(box, unit)), placed(box, other)
    found = threat.project(inputs, clean)
    radius = epsilon * (box.high - box.low)
    low = np.maximum(box.low, clean.double().numpy() - radius)
    high = np.minimum(box.high, clean.double().numpy() + radius)
    np.testing.assert_allclose(found.double(), np.clip(inputs.double().numpy(), low, high), rtol=0, atol=slack(box))
    assert threat.contains(found, clean).all()


@given(boxes, unit, unit, epsilons)
def test_random_starts_fill_the_ball_and_no_more(box: Box, unit: Tensor, uniform: Tensor, epsilon: float) -> None:
    threat = Threat(epsilon=epsilon, box=box)
    clean = box.nearest(placed(box, unit))
    found = threat.point(uniform, clean)
    assert threat.contains(found, clean).all()
    wanted = clean.double() + (2 * uniform.double() - 1) * epsilon * box.width
    np.testing.assert_allclose(found.double(), wanted.clamp(box.low, box.high), rtol=0, atol=2 * slack(box))


@example(Box(low=4.0, high=4.125, levels=1000), 0.3867 * torch.eye(2, 9), torch.zeros(2, 9), 0.224)  # far from zero
@given(boxes, unit, anywhere, epsilons)
def test_delivery_never_leaves_the_ball_and_is_what_a_service_sees(
    box: Box, unit: Tensor, other: Tensor, epsilon: float
) -> None:
    threat = Threat(epsilon=epsilon, box=box)
    clean = box.nearest(placed(box, unit))
    inside = threat.project(placed(box, other), clean)
    found = threat.deliver(inside, clean)
    assert threat.contains(found, clean).all()
    if box.levels is None:
        assert torch.equal(found, inside)
        return
    assert torch.equal(box.nearest(found), found)
    assert ((found - clean).abs() <= (inside - clean).abs() + threat.tolerance + slack(box)).all()
    assert ((found - inside).abs() < box.width / box.levels + slack(box)).all()
    assert ((found - clean) * (inside - clean) >= 0).all()


@given(boxes, unit)
def test_what_is_not_perturbed_is_delivered_to_the_byte(box: Box, unit: Tensor) -> None:
    clean = box.nearest(placed(box, unit))
    threat = Threat(epsilon=0.5, box=box)
    assert torch.equal(threat.deliver(threat.project(clean, clean), clean), clean)
    assert torch.equal(Threat(epsilon=0.0, box=box).project(clean + 1, clean), clean)


def test_tags_are_flipped_or_not() -> None:
    clean = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    moved = torch.tensor([[0.9, 0.1, 1.0, 0.0]])
    assert Threat(epsilon=1.0, box=TAGS).deliver(moved, clean).tolist() == [[0.0, 1.0, 1.0, 0.0]]
    assert TAGS.nearest(torch.tensor([0.2, 0.8, -3.0, 7.0])).tolist() == [0.0, 1.0, 0.0, 1.0]
    short = Threat(epsilon=0.99, box=TAGS)
    assert short.deliver(short.project(moved, clean), clean).tolist() == clean.tolist(), "no tag is within reach"


def test_a_wide_box_by_hand() -> None:
    clean = torch.tensor([[-1.0, 0.0, 2.0, 3.0]])
    threat = Threat(epsilon=0.4, box=WIDE)  # 1.6 of a width of 4
    assert threat.radius == pytest.approx(1.6)
    far = threat.project(clean + 9, clean)
    assert far.tolist() == [[pytest.approx(0.6), pytest.approx(1.6), 3.0, 3.0]]
    assert threat.deliver(far, clean).tolist() == [[0.0, 1.0, 3.0, 3.0]]
    assert threat.deliver(threat.project(clean - 9, clean), clean).tolist() == [[-1.0, -1.0, 1.0, 2.0]]
    assert WIDE.nearest(torch.tensor([-4.0, 0.6, 1.4, 2.51])).tolist() == [-1.0, 1.0, 1.0, 3.0]
    assert threat.point(torch.full_like(clean, 0.5), clean).tolist() == clean.tolist()
    assert threat.contains(clean + 1.7, clean).tolist() == [False]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"low": 1.0, "high": 1.0}, r"\[1.0, 1.0\] is empty"),
        ({"low": 2.0, "high": 1.0}, r"\[2.0, 1.0\] is empty"),
        ({"levels": 0}, "0 levels"),
        ({"levels": -1}, "-1 levels"),
        ({"low": float("nan")}, r"\[nan, 1.0\] is empty"),
    ],
)
def test_a_box_that_is_none_is_refused(options: dict[str, float], says: str) -> None:
    with pytest.raises(ContractError, match=says):
        Box(**options)  # type: ignore[arg-type]  # the names are its fields


def test_modalities_say_shape_and_box() -> None:
    assert Modality.image(8) == Modality(name=IMAGE, shape=(3, 8, 8), box=PIXELS)
    assert Modality.image(8, 12).shape == (3, 8, 12)
    assert (PIXELS.low, PIXELS.high, PIXELS.levels) == (0.0, 1.0, 255)
    assert Modality.text(7) == Modality(name=TEXT, shape=(7,), box=Box(levels=None))
    assert Modality.text(7, low=-1, high=3, levels=4).box == WIDE
    assert Threat.on(Modality.text(7, low=-1, high=3), 0.25) == Threat(epsilon=0.25, box=Box(low=-1, high=3))


# --- images, to the byte ----------------------------------------------------------------------------------------------
# The formulas that images were projected and rounded by before there were other boxes: a number that was published
# with them must stay what it was.


def old_projection(inputs: Tensor, clean: Tensor, epsilon: float) -> Tensor:
    return (clean + (inputs - clean).clamp(-epsilon, epsilon)).clamp(0.0, 1.0)


def old_rounding(inputs: Tensor, clean: Tensor) -> Tensor:
    steps = (inputs - clean) * 255
    whole = (clean * 255 + torch.trunc(steps + steps.sign() * 1e-3)).round()
    return whole / whole.new_full((), 255)


@given(unit, anywhere, unit, epsilons)
def test_images_are_what_they_always_were(unit: Tensor, inputs: Tensor, uniform: Tensor, epsilon: float) -> None:
    threat = Threat(epsilon=epsilon)
    clean = (unit * 255).round() / unit.new_full((), 255)
    inside = threat.project(inputs, clean)
    assert torch.equal(inside, old_projection(inputs, clean, epsilon))
    start = old_projection(clean + (2 * uniform - 1) * epsilon, clean, epsilon)
    assert torch.equal(threat.point(uniform, clean), start)
    assert torch.equal(threat.deliver(inside, clean), old_rounding(inside, clean))
    upload = (inputs.clamp(0, 1) * 255).round() / inputs.new_full((), 255)
    assert torch.equal(PIXELS.nearest(inputs), upload)
    assert PIXELS.tolerance == 1e-3 / 255
