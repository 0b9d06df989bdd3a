"""Images in files: decoding, resizing, and the errors that name file and line."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import FileImages, Split
from robusthash.errors import DatasetError


@pytest.fixture
def picture() -> Image.Image:
    """A smooth colour picture of 96x64."""
    y, x = np.mgrid[0:64, 0:96]
    return Image.fromarray(np.stack([x * 2, y * 3, (x + y)], axis=2).astype(np.uint8))


def read_one(path: Path, size: int = 64, resize: int | None = 64) -> torch.Tensor:
    return FileImages(path.parent, [path.name], size=size, resize=resize).read([0])[0]


def test_a_picture_of_the_right_height_is_cropped_and_nothing_else(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.png")
    expected = torch.from_numpy(np.asarray(picture)[:, 16:80].copy()).permute(2, 0, 1)
    found = read_one(tmp_path / "a.png")
    assert found.dtype == torch.uint8
    assert torch.equal(found, expected)


def test_the_shorter_side_is_resized_with_antialias(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.png")
    small = picture.resize((48, 32), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.asarray(small)[4:28, 12:36].copy()).permute(2, 0, 1)
    found = read_one(tmp_path / "a.png", size=24, resize=32)
    assert (found.int() - expected.int()).abs().max() <= 1


def test_the_default_is_224_of_256(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.png")
    assert torch.equal(read_one(tmp_path / "a.png", 224, None), read_one(tmp_path / "a.png", 224, 256))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path: Path, picture: Image.Image, mode: str) -> None:
    converted = picture.convert(mode)
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    converted.save(path)
    expected = np.asarray(converted.convert("RGB"))[:, 16:80].copy()
    assert torch.equal(read_one(path), torch.from_numpy(expected).permute(2, 0, 1))


def test_a_palette_with_transparency_is_read(tmp_path: Path, picture: Image.Image) -> None:
    picture.convert("P").save(tmp_path / "a.png", transparency=bytes(range(256)))
    expected = np.asarray(picture.convert("P").convert("RGB"))[:, 16:80].copy()
    assert torch.equal(read_one(tmp_path / "a.png"), torch.from_numpy(expected).permute(2, 0, 1))


def test_sixteen_bit_grey_keeps_its_upper_bits(tmp_path: Path) -> None:
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    Image.fromarray(grey).save(tmp_path / "a.png")
    expected = torch.from_numpy((grey >> 8).astype(np.uint8))
    assert torch.equal(read_one(tmp_path / "a.png"), expected.expand(3, 64, 64))


def test_exif_orientation_is_not_applied(tmp_path: Path, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    picture.save(tmp_path / "plain.png")
    assert torch.equal(read_one(tmp_path / "turned.png"), read_one(tmp_path / "plain.png"))


def test_order_and_threads_do_not_change_pixels(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    names = [f"{i}.png" for i in range(9)]
    for name in names:
        Image.fromarray(generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / name)
    one = FileImages(tmp_path, names, size=16, workers=1).read(range(9))
    order = [8, 0, 3, 3, 7]
    assert torch.equal(FileImages(tmp_path, names, size=16, workers=4).read(order), one[order])
    assert FileImages(tmp_path, names, size=16).read([]).shape == (0, 3, 16, 16)


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("part", ["none", "head", "half"])
def test_a_broken_file_is_named(tmp_path: Path, picture: Image.Image, kind: str, part: str) -> None:
    whole = encoded(picture, kind)
    length = {"none": 0, "head": 10, "half": len(whole) // 2}[part]
    (tmp_path / "bad.bin").write_bytes(whole[:length])
    with pytest.raises(DatasetError, match=r"bad\.bin") as caught:
        read_one(tmp_path / "bad.bin")
    assert caught.value.hint


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about metadata that it skips
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "avif"])
def test_damaged_bytes_are_an_image_or_an_error(tmp_path: Path, picture: Image.Image, kind: str) -> None:
    """Whatever is flipped in a file, reading it gives pixels or the typed error."""
    whole = encoded(picture, kind)
    generator = np.random.default_rng(1)
    path = tmp_path / "damaged.bin"
    refused = 0
    for _ in range(60):
        damaged = np.frombuffer(whole, dtype=np.uint8).copy()
        where = generator.integers(0, min(len(damaged), 200), 4)
        damaged[where] = generator.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        try:
            assert read_one(path, 8, 8).shape == (3, 8, 8)
        except DatasetError:
            refused += 1
    assert refused


def test_a_missing_file_is_named_with_its_line(tmp_path: Path) -> None:
    images = FileImages(
        tmp_path, ["gone.jpg"], size=8, origin=lambda i: f"test_img.txt:{i + 1}", remedy="set lists.images"
    )
    with pytest.raises(DatasetError, match=r"test_img\.txt:1: no image .*gone\.jpg") as caught:
        images.read([0])
    assert caught.value.hint == "set lists.images"


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(DatasetError, match=r"folder\.jpg"):
        read_one(tmp_path / "folder.jpg")


def test_a_thread_of_pixels_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    Image.new("RGB", (30000, 1)).save(tmp_path / "thin.png")
    with pytest.raises(DatasetError, match="30000x1"):
        read_one(tmp_path / "thin.png", 224, 256)


def test_a_crop_larger_than_the_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot crop 64"):
        FileImages(tmp_path, [], size=64, resize=32)


def test_another_resize_or_another_file_is_another_split(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.png")

    def digest(resize: int) -> str:
        images = FileImages(tmp_path, ["a.png"], size=32, resize=resize)
        return Split.of_images(
            name="query", images=images, labels=torch.ones((1, 2), dtype=torch.uint8), ids=("a.png",)
        ).digest

    before = digest(40)
    assert digest(40) == before
    assert digest(32) != before
    picture.crop((0, 0, 50, 50)).save(tmp_path / "a.png")
    assert digest(40) != before
