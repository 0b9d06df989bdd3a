"""What becomes of a file: sizes, orientations, modes and formats, format by format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robusthash.contracts import FileImages
from robusthash.photographs import open_photograph, write_photograph

Make = Callable[[Any], Path]


def alpha(album: Any) -> np.ndarray:
    return np.dstack([album.scene, album.grey])


#: (how to make it, mode and format of what is delivered, levels that unchanged pixels may move by, in the mean and at
#: most, words of the notes). JPEG's rounding is that of this noisy scene.
FILES: dict[str, tuple[Make, str, str, float, int, str]] = {
    "jpeg": (lambda a: a.add("a.jpg", quality=90, subsampling="4:4:4"), "RGB", "JPEG", 1, 6, ""),
    "jpeg 4:2:0": (lambda a: a.add("a.jpg", quality=90), "RGB", "JPEG", 2, 12, ""),
    "jpeg progressive": (lambda a: a.add("a.jpg", quality=90, progressive=True), "RGB", "JPEG", 2, 12, ""),
    "jpeg of noise": (
        lambda a: a.add("a.jpg", noise(), quality=100, subsampling="4:4:4", progressive=True),
        "RGB",
        "JPEG",
        1,
        3,
        "",
    ),
    "jpeg in rgb": (lambda a: a.add("a.jpg", quality=95, keep_rgb=True), "RGB", "JPEG", 1, 6, ""),
    "jpeg grey": (lambda a: a.add("a.jpg", a.grey, quality=90), "L", "JPEG", 1, 4, ""),
    "jpeg cmyk": (lambda a: a.add("a.jpg", mode="CMYK", quality=95), "CMYK", "JPEG", 1, 6, ""),
    "jpeg of two": (lambda a: a.frames("a.mpo", quality=90), "RGB", "JPEG", 2, 12, "only the first of the pictures"),
    "png": (lambda a: a.add("a.png"), "RGB", "PNG", 0, 0, ""),
    "png alpha": (lambda a: a.add("a.png", alpha(a)), "RGBA", "PNG", 0, 0, ""),
    "png grey": (lambda a: a.add("a.png", a.grey), "L", "PNG", 0, 0, ""),
    "png grey alpha": (lambda a: a.add("a.png", np.dstack([a.grey, a.grey])), "LA", "PNG", 0, 0, ""),
    "png 16-bit grey": (lambda a: a.add("a.png", a.deep), "I;16", "PNG", 0, 0, ""),
    "png black and white": (lambda a: a.add("a.png", mode="1"), "L", "PNG", 0, 0, "black and white becomes"),
    "png 4-bit grey": (lambda a: a.add("a.png", a.grey // 16, bits=4), "L", "PNG", 0, 0, "4-bit grey becomes"),
    "png palette": (lambda a: a.add("a.png", mode="P"), "RGB", "PNG", 0, 0, "palette becomes"),
    "png palette transparent": (
        lambda a: a.add("a.png", Image.fromarray(a.scene).quantize(16), transparency=3),
        "RGBA",
        "PNG",
        0,
        0,
        "palette becomes",
    ),
    "png transparent colour": (
        lambda a: a.add("a.png", transparency=tuple(a.scene[5, 5].tolist())),
        "RGBA",
        "PNG",
        0,
        0,
        "transparent colour becomes",
    ),
    "png transparent grey": (
        lambda a: a.add("a.png", a.grey, transparency=int(a.grey[5, 5])),
        "LA",
        "PNG",
        0,
        0,
        "transparent colour becomes",
    ),
    "png transparent deep": (
        lambda a: a.add("a.png", a.deep, transparency=int(a.deep[5, 5])),
        "LA",
        "PNG",
        0,
        0,
        "8-bit grey with an alpha",
    ),
    "webp lossy": (lambda a: a.add("a.webp"), "RGB", "WEBP", 0, 0, "lossy WebP becomes lossless"),
    "webp lossless": (lambda a: a.add("a.webp", lossless=True), "RGB", "WEBP", 0, 0, ""),
    "webp alpha": (
        lambda a: a.add("a.webp", np.dstack([a.scene, a.grey // 128]), lossless=True, exact=True),
        "RGBA",
        "WEBP",
        0,
        0,
        "",
    ),
    "avif": (lambda a: a.add("a.avif"), "RGB", "AVIF", 1, 3, "up to 3 levels"),
    "avif alpha": (lambda a: a.add("a.avif", alpha(a)), "RGBA", "AVIF", 1, 3, "up to 3 levels"),
    "avif grey": (lambda a: a.add("a.avif", a.grey), "L", "AVIF", 0, 0, "becomes lossless"),
    "tiff": (lambda a: a.add("a.tif"), "RGB", "TIFF", 0, 0, ""),
    "tiff lzw": (lambda a: a.add("a.tiff", compression="tiff_lzw"), "RGB", "TIFF", 0, 0, ""),
    "tiff jpeg": (
        lambda a: a.add("a.tif", compression="jpeg"),
        "RGB",
        "TIFF",
        0,
        0,
        "jpeg compression becomes deflate",
    ),
    "tiff alpha": (lambda a: a.add("a.tif", alpha(a), compression="packbits"), "RGBA", "TIFF", 0, 0, ""),
    "tiff 16-bit grey": (lambda a: a.add("a.tif", a.deep), "I;16", "TIFF", 0, 0, ""),
    "tiff fax": (
        lambda a: a.add("a.tif", mode="1", compression="group4"),
        "L",
        "TIFF",
        0,
        0,
        "black and white becomes",
    ),
    "tiff cmyk": (lambda a: a.add("a.tif", mode="CMYK"), "CMYK", "TIFF", 0, 0, ""),
    "tiff black": (lambda a: a.add("a.tif", inked(a)), "CMYK", "TIFF", 0, 0, ""),
    "tiff lab": (lambda a: a.add("a.tif", mode="LAB"), "RGB", "TIFF", 0, 0, "LAB becomes RGB"),
    "tiff ycbcr": (lambda a: a.add("a.tif", mode="YCbCr"), "RGB", "TIFF", 0, 0, "YCbCr becomes RGB"),
    "tiff palette": (lambda a: a.add("a.tif", mode="P"), "RGB", "TIFF", 0, 0, "palette becomes"),
    "bmp": (lambda a: a.add("a.bmp"), "RGB", "BMP", 0, 0, ""),
    "bmp grey": (lambda a: a.add("a.bmp", a.grey), "L", "BMP", 0, 0, ""),
    "bmp palette": (lambda a: a.add("a.bmp", mode="P"), "RGB", "BMP", 0, 0, "palette becomes"),
    "gif": (lambda a: a.add("a.gif"), "RGB", "PNG", 0, 0, "GIF becomes PNG"),
    "jpeg 2000": (lambda a: a.add("a.jp2"), "RGB", "PNG", 0, 0, "JPEG2000 becomes PNG"),
    "png called jpg": (lambda a: a.add("a.jpg", format="PNG"), "RGB", "PNG", 0, 0, ""),
    "portrait": (lambda a: a.add("a.png", a.scene.swapaxes(0, 1)), "RGB", "PNG", 0, 0, ""),
    "panorama": (
        lambda a: a.add("a.jpg", np.tile(np.hstack([a.scene, a.scene[:, ::-1]]), (1, 6, 1)), quality=90),
        "RGB",
        "JPEG",
        2,
        12,
        "",
    ),
    "one pixel": (lambda a: a.add("a.png", a.scene[:1, :1]), "RGB", "PNG", 0, 0, ""),
    "one pixel jpeg": (lambda a: a.add("a.jpg", a.scene[:1, :1]), "RGB", "JPEG", 3, 3, ""),
}


def inked(album: Any) -> Image.Image:
    """CMYK with all four inks anywhere, as of a printer's profile."""
    inks = np.random.default_rng(5).integers(0, 256, (*album.grey.shape, 4), dtype=np.uint8)
    return Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())


def noise() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", FILES)
def test_unchanged_pixels_come_back(album: Any, name: str) -> None:
    make, mode, kind, mean, most, words = FILES[name]
    path = make(album)
    before, written, after = album.delivered(path)
    with Image.open(path) as source, Image.open(written.path) as delivered:
        assert (delivered.mode, delivered.format) == (mode, kind)
        assert delivered.size == source.size
    difference = np.abs(after.pixels.astype(int) - before.pixels)
    assert difference.mean() <= mean
    assert difference.max() <= most
    assert before.grey == (mode in {"L", "LA", "I;16"})
    assert words in " / ".join(written.notes)
    if not words:
        assert written.notes == (), "what stays as it is needs no note"
    assert written.path.name == (
        path.name if (kind == "PNG") <= (path.suffix in {".png", ".jpg"}) else f"{path.name}.png"
    )


@pytest.mark.parametrize("name", [name for name, row in FILES.items() if row[4] == 0])
def test_a_change_arrives_to_the_level_without_loss(album: Any, name: str) -> None:
    path = FILES[name][0](album)
    grey = open_photograph(path).grey
    shape = open_photograph(path).pixels.shape
    change = np.random.default_rng(1).integers(-8, 9, (*shape[:2], 1 if grey else 3))
    before, _, after = album.delivered(path, change)
    assert np.array_equal(after.pixels, np.clip(before.pixels.astype(int) + change, 0, 255))


def test_alpha_is_put_back(album: Any) -> None:
    path = album.add("a.png", alpha(album))
    _, written, _ = album.delivered(path, 5)
    assert np.array_equal(np.asarray(Image.open(written.path))[..., 3], album.grey)


def test_16_bit_grey_keeps_its_low_bits(album: Any) -> None:
    path = album.add("a.png", album.deep)
    change = np.random.default_rng(0).integers(-8, 9, (*album.grey.shape, 1))
    _, written, _ = album.delivered(path, change)
    with Image.open(written.path) as image:
        stored = np.asarray(image).astype(int)
    assert np.array_equal(stored & 255, album.deep & 255)
    upper = album.deep.astype(int) >> 8
    assert np.array_equal(stored >> 8, np.clip(upper + change[..., 0], 0, 255))


def test_16_bit_colour_becomes_8_bits(album: Any, camera: Any) -> None:
    deep = album.scene.astype(np.uint16) * 257
    camera.png_of_16_bits(album.folder / "a.png", deep)
    camera.png_of_16_bits(album.folder / "b.png", np.dstack([deep, deep[..., 0]]))
    camera.tiff_of_16_bits(album.folder / "a.tif", deep)
    for name, mode in (("a.png", "RGB"), ("b.png", "RGBA"), ("a.tif", "RGB")):
        before, written, after = album.delivered(album.folder / name)
        assert np.array_equal(before.pixels, album.scene)
        assert np.array_equal(after.pixels, album.scene)
        assert written.notes == ("16 bits a channel become 8",)
        with Image.open(written.path) as image:
            assert image.mode == mode


def test_a_change_of_three_planes_is_the_mean_in_grey(album: Any) -> None:
    path = album.add("a.png", np.full((4, 4), 100, dtype=np.uint8))
    change = np.zeros((4, 4, 3), dtype=int)
    change[0, 0], change[0, 1], change[0, 2], change[0, 3] = (8, 8, 8), (8, 0, 0), (-8, 0, 0), (8, -8, 1)
    _, _, after = album.delivered(path, change)
    assert after.pixels[0, :, 0].tolist() == [108, 103, 97, 100]


def test_inks_that_need_no_change_stay(album: Any) -> None:
    path = album.add("a.tif", inked(album))
    change = np.zeros(album.scene.shape, dtype=int)
    change[:10] = 8
    before, written, after = album.delivered(path, change)
    assert np.array_equal(after.pixels, np.clip(before.pixels + change, 0, 255))
    with Image.open(path) as source, Image.open(written.path) as delivered:
        assert np.array_equal(np.asarray(source)[10:], np.asarray(delivered)[10:])
        assert (np.asarray(delivered)[..., 3] <= np.asarray(source)[..., 3]).all(), "black only goes"


def test_tiff_keeps_its_compression(album: Any) -> None:
    for compression in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"):
        path = album.add(f"{compression}.tif", compression=compression)
        _, written, _ = album.delivered(path)
        with Image.open(written.path) as delivered:
            assert delivered.info["compression"] == compression


@pytest.mark.parametrize("name", ["jpeg", "png palette transparent", "png 16-bit grey", "jpeg cmyk", "png alpha"])
def test_a_dataset_reads_the_same_pixels(album: Any, name: str) -> None:
    path = FILES[name][0](album)
    height = album.scene.shape[0]
    read = FileImages(path.parent, [path.name], size=height, resize=height).read([0])[0].permute(1, 2, 0).numpy()
    left = (album.scene.shape[1] - height) // 2
    assert np.array_equal(open_photograph(path).pixels[:, left : left + height], read)


@pytest.mark.slow
def test_twelve_megapixels(album: Any) -> None:
    path = album.add("a.jpg", np.tile(album.scene, (50, 45, 1))[:3000, :4000], quality=92)
    before, written, after = album.delivered(path, 4)
    assert before.pixels.shape == (3000, 4000, 3)
    assert abs(float(after.pixels.astype(int).mean() - before.pixels.mean()) - 4) < 0.5
    assert written.notes == ()


def test_pixels_of_another_shape_are_refused(album: Any) -> None:
    photograph = open_photograph(album.add("a.png"))
    for wrong in (photograph.pixels[1:], photograph.pixels.astype(np.float32), photograph.pixels.swapaxes(0, 1)):
        with pytest.raises(ValueError, match="not uint8"):
            write_photograph(photograph, wrong, album.output)
