"""Photographs changed at their own size: what models see of them, where they are changed, and what that does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import ArrayImages, Attack, FileImages, HashModel, Randomness, Threat
from robusthash.contracts.data.framing import framed, shorter_side
from robusthash.errors import CapabilityError
from robusthash.evaluation.crafting.job import Compute, Job, Knowledge
from robusthash.evaluation.protecting.contrast import LEAST, contrast_mask
from robusthash.evaluation.protecting.crafting import Maker, Protection
from robusthash.evaluation.protecting.outcome import AS_WRITTEN, Judged, Protected, Seen, summarised
from robusthash.evaluation.protecting.through import joined
from robusthash.evaluation.protecting.views import Spread, View, resampling
from robusthash.host import PluginHost, PluginKind
from robusthash.photographs.orientation import as_stored
from robusthash.pixels import from_levels
from robusthash.specs import Distance
from robusthash.testing.victims import SIDE, DescriptorVictim, SmallVictim

RESIZE = shorter_side(SIDE)
SIZES = [(128, 192), (192, 128), (16, 16), (9, 20), (40, 41), (300, 200), (30, 600), (1, 40)]


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with a flat upper half, and texture below it."""
    pixels = np.random.default_rng(seed).integers(40, 216, (height, width, 3)).astype(np.uint8)
    pixels[: height // 2] = 120
    return pixels


def victim(seed: int = 0, bits: int = 16) -> HashModel:
    return SmallVictim(bits, seed=seed).eval().requires_grad_(requires_grad=False)


def attack(name: str, **options: object) -> Attack:
    host = PluginHost.load()
    found = host.create(host.find(PluginKind.ATTACK, name), options)
    assert isinstance(found, Attack)
    return found


def job(model: HashModel, chosen: Attack, epsilon: float = 8 / 255) -> Job:
    return Job(
        attack=chosen,
        victim=model,
        surrogate=model,
        inputs=ArrayImages(torch.zeros((4, 3, SIDE, SIDE), dtype=torch.uint8)),
        ids=torch.arange(4),
        threat=Threat(epsilon=epsilon),
        random=Randomness(seed=0, purpose="a test"),
        knowledge=Knowledge(),
        compute=Compute(device=torch.device("cpu")),
    )


def maker(
    *models: HashModel, name: str = "hinge", epsilon: float = 8 / 255, masked: bool = True, steps: int = 20
) -> Maker:
    chosen = attack(name, **({"steps": steps} if name == "hinge" else {}))
    jobs = [job(model, chosen, epsilon) for model in models or (victim(),)]
    return Maker(jobs=jobs, resize=RESIZE, size=SIDE, options=Protection(masked=masked))


def code(model: HashModel, pixels: np.ndarray) -> torch.Tensor:
    """Of a picture as the loader reads it."""
    picture = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    return model.codes(from_levels(framed(picture, resize=RESIZE, size=SIDE)[None]))[0]


def moved(model: HashModel, clean: np.ndarray, changed: np.ndarray) -> int:
    return int((code(model, clean) != code(model, changed)).sum())


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_plain_view_is_what_the_loader_reads(tmp_path: Path, height: int, width: int) -> None:
    pixels = scene(height, width)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = FileImages(tmp_path, ["a.png"], size=SIDE, resize=RESIZE).read([0])[0].double()
    view = View.plain(height, width, resize=RESIZE, size=SIDE)
    seen = view(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0]
    assert (seen - read).abs().max() <= 1.01
    assert seen.shape == (3, SIDE, SIDE)


def test_a_view_takes_what_has_the_size_as_it_is_where_the_loader_does() -> None:
    picture = torch.from_numpy(scene(SIDE, SIDE)).permute(2, 0, 1)[None].float()
    plain = View.plain(SIDE, SIDE, resize=RESIZE, size=SIDE, keeps=True)
    drawn = View.drawn(SIDE, SIDE, Spread(crop=1, scale=1), torch.rand(4), resize=RESIZE, size=SIDE, keeps=True)
    assert torch.equal(plain(picture), picture)
    assert torch.equal(drawn(picture), picture)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("uniform", [(0.0, 0.0, 0.0, 0.0), (0.99, 0.0, 0.99, 0.5), (0.5, 0.7, 0.2, 0.99)])
def test_a_random_view_is_a_crop_that_is_shrunk_and_loaded(
    height: int, width: int, uniform: tuple[float, float, float, float]
) -> None:
    from torchvision.transforms.v2 import functional

    picture = torch.from_numpy(scene(height, width)).permute(2, 0, 1)
    spread = Spread()
    view = View.drawn(height, width, spread, torch.tensor(uniform), resize=RESIZE, size=SIDE)
    share = 1 - (1 - spread.crop) * uniform[0]
    tall, wide = (max(round(length * share), 1) for length in (height, width))
    scale = 1 - (1 - min(max(spread.scale, RESIZE / min(tall, wide)), 1)) * uniform[3]
    top, left = int(uniform[1] * (height - tall + 1)), int(uniform[2] * (width - wide + 1))
    crop = picture[:, top : top + tall, left : left + wide]
    small = functional.resize(crop, [max(round(length * scale), 1) for length in (tall, wide)], antialias=True)
    read = framed(small, resize=RESIZE, size=SIDE).double()
    assert (view(picture[None].float())[0] - read).abs().max() <= 2.01  # the loader rounds twice


def test_views_without_spread_are_plain() -> None:
    plain = View.plain(60, 50, resize=RESIZE, size=SIDE)
    drawn = View.drawn(60, 50, Spread(crop=1, scale=1), torch.rand(4), resize=RESIZE, size=SIDE)
    assert torch.equal(drawn.rows, plain.rows)
    assert torch.equal(drawn.columns, plain.columns)


@pytest.mark.parametrize(("length", "to"), [(7, 3), (3, 7), (1, 5), (5, 1), (4, 4)])
def test_a_resampled_line_keeps_its_brightness(length: int, to: int) -> None:
    assert torch.allclose(resampling(length, to) @ torch.ones(length), torch.ones(to), atol=1e-6)


def test_flat_parts_have_little_of_the_radius() -> None:
    mask = contrast_mask(from_levels(torch.from_numpy(scene(80, 60)).permute(2, 0, 1)[None]))[0, 0]
    assert mask.shape == (80, 60)
    assert mask.min() == pytest.approx(LEAST)
    assert mask[:30].max() == pytest.approx(LEAST)
    assert mask[50:].min() == 1


@pytest.mark.parametrize("size", [(40, 30), (200, 150)], ids=["as it is", "on a working copy"])
def test_a_change_moves_the_code_within_the_radius(size: tuple[int, int]) -> None:
    pixels, model = scene(*size), victim()
    before = pixels.copy()
    changed = maker(model)(pixels, 0)
    assert (pixels == before).all()
    assert changed.shape == pixels.shape
    assert changed.dtype == np.uint8
    difference = np.abs(changed.astype(int) - pixels)
    assert 0 < difference.max() <= 8
    assert difference[: size[0] // 5].max() <= 3  # flat, far from the rest
    assert moved(model, pixels, changed) >= 4
    assert moved(model, pixels, maker(model, name="noise")(pixels, 0)) <= 1


def test_without_mask_flat_parts_are_changed_as_much() -> None:
    pixels = scene(24, 30)
    changed = maker(masked=False)(pixels, 0)
    assert np.abs(changed.astype(int) - pixels)[:8].max() == 8


def test_no_radius_changes_nothing() -> None:
    pixels = scene(24, 30)
    assert (maker(epsilon=0.0)(pixels, 0) == pixels).all()


def test_grey_photographs_stay_grey() -> None:
    pixels = np.repeat(scene(24, 30)[:, :, :1], 3, axis=2)
    changed = maker()(pixels, 0)
    assert (changed != pixels).any()
    assert (changed == changed[:, :, :1]).all()


def test_a_photograph_depends_on_no_other_one() -> None:
    pixels, other = scene(24, 30), scene(24, 30, seed=1)
    first = maker()(pixels, 0)
    again = maker()
    again(other, 0)
    assert (again(pixels, 3) == first).all()
    assert (again(other, 1) - other != first - pixels).any()


def test_a_turned_photograph_is_protected_for_those_who_turn_it_and_those_who_do_not() -> None:
    pixels, model = scene(24, 40), victim()
    make = maker(model, epsilon=16 / 255, masked=False)
    alone, both = make(pixels, 0), make(pixels, 0, orientation=6)

    def stored(picture: np.ndarray) -> int:
        return moved(model, as_stored(pixels, 6), as_stored(picture, 6))

    assert moved(model, pixels, both) >= 4
    assert stored(both) >= 4
    assert stored(both) > stored(alone)


def test_several_models_are_attacked_together() -> None:
    pixels, one, two = scene(24, 40), victim(0), victim(1, bits=12)
    alone, both = (maker(*models, epsilon=16 / 255, masked=False)(pixels, 0) for models in ((one,), (one, two)))
    assert moved(two, pixels, both) > moved(two, pixels, alone)
    assert moved(two, pixels, both) >= 4
    assert moved(one, pixels, both) >= 4


def test_codes_and_descriptors_are_not_joined() -> None:
    descriptors = DescriptorVictim()
    assert descriptors.space.distance is Distance.COSINE
    assert joined([descriptors.space] * 2).size == 2 * descriptors.space.size
    with pytest.raises(CapabilityError, match="together"):
        joined([descriptors.space, victim().space])


@pytest.mark.parametrize("name", ["square", "strongest", "mosaic"])
def test_attacks_that_need_more_than_gradients_are_refused(name: str) -> None:
    with pytest.raises(CapabilityError, match="photograph"):
        maker(name=name)


@pytest.mark.parametrize("name", ["rnm", "hag", "tanh"])
def test_other_attacks_that_follow_gradients_work(name: str) -> None:
    pixels, model = scene(24, 40), victim()
    one = job(model, attack(name, steps=20))
    changed = Maker(jobs=[one], resize=RESIZE, size=SIDE)(pixels, 0)
    noise = maker(model, name="noise")(pixels, 0)
    assert moved(model, pixels, changed) > moved(model, pixels, noise)
    assert np.abs(changed.astype(int) - pixels).max() <= 8


def seen(found: str | None, moved: float, retained: float = 0.5) -> Seen:
    return Seen(moved=moved, found=found, votes={}, nearest=(), retained=retained)


def photograph(*outcomes: tuple[Seen, Seen]) -> Protected:
    names = (AS_WRITTEN, "JPEG 80")
    judged = {
        name: Judged(clean=clean, protected=protected) for name, (clean, protected) in zip(names, outcomes, strict=True)
    }
    return Protected(source="a.jpg", file="a.jpg", psnr=40.0, notes=(), judged={"net": judged})


def test_a_summary_counts_what_still_shows_what_the_clean_file_shows() -> None:
    first = photograph((seen("cat", 0), seen("dog", 20)), (seen("dog", 1), seen("cat", 10)))
    second = photograph((seen("fox", 0), seen("fox", 2)), (seen("fox", 3), seen("fox", 4)))
    unknown = photograph((seen(None, 0), seen(None, 6)), (seen(None, 0), seen(None, 6)))
    written, jpeg = summarised([first, second, unknown], "net").values()
    assert (written.labelled, written.clean_kept, written.protected_kept) == (2, 2, 1)
    assert (jpeg.labelled, jpeg.clean_kept, jpeg.protected_kept) == (2, 1, 2)
    assert written.protected_moved == pytest.approx(28 / 3)
    assert jpeg.clean_moved == pytest.approx(4 / 3)
