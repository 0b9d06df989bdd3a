"""The threat model: projection, rounding, and how epsilon is written."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays

from robusthash.contracts import PIXELS, Threat, format_epsilon, parse_epsilon
from robusthash.errors import OptionError
from robusthash.testing import TextVictim

SHAPE = (2, 3, 2, 2)
levels = arrays("uint8", SHAPE).map(lambda a: torch.from_numpy(a).float() / 255)
anything = arrays("float32", SHAPE, elements=st.floats(-3, 3, width=32)).map(torch.from_numpy)
epsilons = st.one_of(st.integers(0, 255).map(lambda k: k / 255), st.floats(0, 1))


@given(levels, anything, epsilons)
def test_projection_is_the_nearest_point_of_ball_and_box(
    clean: torch.Tensor, inputs: torch.Tensor, epsilon: float
) -> None:
    projected = Threat(epsilon=epsilon).project(inputs, clean)
    expected = inputs.clone()
    for i, centre in enumerate(clean.flatten().tolist()):
        low, high = max(centre - epsilon, 0.0), min(centre + epsilon, 1.0)
        expected.view(-1)[i] = min(max(inputs.flatten()[i].item(), low), high)
    torch.testing.assert_close(projected, expected, rtol=0, atol=1e-6)
    assert Threat(epsilon=epsilon).contains(projected, clean).all()


@given(levels, anything, epsilons)
def test_rounding_goes_to_the_grid_and_never_leaves_the_ball(
    clean: torch.Tensor, inputs: torch.Tensor, epsilon: float
) -> None:
    threat = Threat(epsilon=epsilon)
    projected = threat.project(inputs, clean)
    rounded = PIXELS.toward(projected, clean)
    assert threat.contains(rounded, clean).all()
    assert torch.equal(rounded, (rounded * 255).round().to(torch.uint8).float() / 255), "as from an 8-bit file"
    assert ((rounded - clean).abs() <= (projected - clean).abs() + threat.tolerance).all()
    assert ((rounded - projected).abs() < 1 / 255).all()


def test_rounding_keeps_every_image_that_is_on_the_grid() -> None:
    grid = torch.arange(256).float() / 255
    clean, inputs = grid[:, None].expand(256, 256), grid[None, :].expand(256, 256)
    rounded = PIXELS.toward(inputs, clean)
    assert torch.equal(rounded, inputs)


def test_contains_sees_one_pixel_outside() -> None:
    clean = torch.full((3, 3, 2, 2), 0.5)
    inputs = clean.clone()
    inputs[1, 2, 1, 1] += 9 / 255
    inputs[2, 0, 0, 0] -= 8 / 255
    assert Threat(epsilon=8 / 255).contains(inputs, clean).tolist() == [True, False, True]
    assert Threat(epsilon=1.0).contains(torch.full((1, 3, 1, 1), 1.01), torch.ones(1, 3, 1, 1)).tolist() == [False]


@pytest.mark.parametrize(("text", "value"), [("8/255", 8 / 255), (" 8 / 255 ", 8 / 255), ("0.032", 0.032), ("0", 0.0)])
def test_epsilon_is_read(text: str, value: float) -> None:
    assert parse_epsilon(text) == value


@pytest.mark.parametrize("text", ["8", "-1/255", "1/0", "eight", "", "nan", "1e99999999"])
def test_a_bad_epsilon_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(OptionError, match="8/255"):
        parse_epsilon(text)


@given(st.integers(1, 63))
def test_epsilon_in_255ths_survives_writing_and_reading(level: int) -> None:
    assert parse_epsilon(format_epsilon(level / 255)) == level / 255


def test_epsilon_is_written_as_people_write_it() -> None:
    assert [format_epsilon(e) for e in (8 / 255, 0.3, 0.032, 0.0)] == ["8/255", "0.3", "0.032", "0"]


def test_random_points_fill_the_ball_and_stay_in_the_box() -> None:
    threat = Threat(epsilon=0.25)
    clean = torch.tensor([[0.5, 0.5, 0.0, 1.0]])
    for share, expected in (
        (0.0, [0.25, 0.25, 0.0, 0.75]),
        (0.25, [0.375, 0.375, 0.0, 0.875]),
        (0.5, [0.5, 0.5, 0.0, 1.0]),
        (1.0, [0.75, 0.75, 0.25, 1.0]),
    ):
        assert threat.point(torch.full_like(clean, share), clean).tolist() == [expected]


def test_epsilon_is_a_share_of_the_modalitys_own_box() -> None:
    modality = TextVictim().modality
    threat = Threat.on(modality, 0.25)
    assert threat.box == modality.box != PIXELS
    assert threat.radius == 0.25 * modality.box.width != 0.25
