"""What a written file says: kept as it was, except for what gives the place or the clean picture away."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from robusthash.photographs import open_photograph, write_photograph
from robusthash.photographs.exif import grafted, rewritten

WITH_EXIF = [".jpg", ".png", ".webp", ".avif"]


def said(path: Path) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    """The first directory, that of the exposure, and that of the place."""
    with Image.open(path) as image:
        exif = image.getexif()
        return dict(exif), dict(exif.get_ifd(ExifTags.IFD.Exif)), dict(exif.get_ifd(ExifTags.IFD.GPSInfo))


@pytest.mark.parametrize("suffix", WITH_EXIF)
@pytest.mark.parametrize("keep", [False, True])
def test_exif_is_kept_without_place_thumbnail_and_makers_notes(
    album: Any, camera: Any, suffix: str, keep: bool
) -> None:
    path = album.add(f"a{suffix}", exif=camera.exif(orientation=6))
    _, written, _ = album.delivered(path, keep_location=keep)
    first, inner, place = said(written.path)
    assert first[ExifTags.Base.Artist] == "A. Author"
    assert first[ExifTags.Base.ImageDescription] == "a caption"
    assert first[ExifTags.Base.Orientation] == 6
    assert inner[ExifTags.Base.DateTimeOriginal] == "2020:02:03 04:05:06"
    assert float(inner[ExifTags.Base.FNumber]) == pytest.approx(2.8)
    assert ExifTags.Base.MakerNote not in inner
    assert (place.get(1) == "N") == keep
    content = written.path.read_bytes()
    assert b"MAKERMAKER" not in content
    if suffix != ".avif":  # Pillow itself leaves the thumbnail out when it writes AVIF
        assert content.count(b"\xff\xd8\xff") == (suffix == ".jpg"), "no other JPEG is inside"
        assert "thumbnail" in written.notes[-1]
    assert "maker" in written.notes[-1]
    assert ("the place" in written.notes[-1].replace("preview or the place", "")) == (not keep)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("keep", [False, True])
def test_tiff_keeps_what_describes_it(album: Any, camera: Any, compression: str, keep: bool) -> None:
    path = album.add("a.tif", exif=camera.exif(orientation=8, thumbnail=False), icc_profile=camera.profile())
    if compression != "raw":
        with Image.open(path) as image:
            exif = image.getexif()
            exif.get_ifd(ExifTags.IFD.GPSInfo)
            content = exif.tobytes()
        base = album.add("base.tif", compression=compression, icc_profile=camera.profile())
        described = rewritten(content, orientation=8, keep_location=True).content
        path.write_bytes(grafted(base.read_bytes(), exif=described, xmp=b"<x:xmpmeta>kept</x:xmpmeta>"))
    _, written, _ = album.delivered(path, keep_location=keep)
    first, inner, place = said(written.path)
    assert first[ExifTags.Base.Artist] == "A. Author"
    assert inner[ExifTags.Base.DateTimeOriginal] == "2020:02:03 04:05:06"
    assert (place.get(1) == "N") == keep
    with Image.open(written.path) as image:
        assert image.info["icc_profile"] == camera.profile()
        assert image.info["compression"] == compression
        if compression != "raw":
            assert image.info["xmp"] == b"<x:xmpmeta>kept</x:xmpmeta>"


def test_a_tiff_of_the_other_byte_order_keeps_its_metadata(album: Any, camera: Any) -> None:
    path = album.add("a.tif")
    motorola = struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">H", 1)
    motorola += struct.pack(">HHII", 0x13B, 2, 9, 26) + bytes(4) + b"A. Autho\0\0"
    path.write_bytes(grafted(path.read_bytes(), exif=b"Exif\0\0" + motorola, xmp=b""))
    _, written, _ = album.delivered(path)
    assert said(written.path)[0][ExifTags.Base.Artist] == "A. Autho"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_the_colour_profile_is_kept(album: Any, camera: Any, suffix: str) -> None:
    path = album.add(f"a{suffix}", icc_profile=camera.profile())
    _, written, _ = album.delivered(path)
    with Image.open(written.path) as image:
        assert image.info["icc_profile"] == camera.profile()


def test_the_profile_of_another_colour_space_goes(album: Any, camera: Any) -> None:
    for name, mode, kept in (("a.tif", "LAB", False), ("b.jpg", "CMYK", True), ("c.tif", "CMYK", True)):
        _, written, _ = album.delivered(album.add(name, mode=mode, icc_profile=camera.profile()))
        with Image.open(written.path) as image:
            assert ("icc_profile" in image.info) == kept


PACKET = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description dc:creator='A. Author' %s/></x:xmpmeta>"


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".png"])
@pytest.mark.parametrize(
    ("more", "keep", "kept"),
    [
        (b"", False, True),
        (b"exif:GPSLatitude='48,8N'", False, False),
        (b"exif:GPSLatitude='48,8N'", True, True),
        (b"photoshop:City='Munich'", False, False),
        (b"xmpGImg:image='/9j/'", True, False),
        (b"hdrgm:Version='1.0'", True, False),
    ],
)
def test_xmp_is_kept_unless_it_holds_a_place_or_a_picture(
    album: Any, suffix: str, more: bytes, keep: bool, kept: bool
) -> None:
    packet = PACKET % more
    if suffix == ".png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        path = album.add("a.png", pnginfo=info)
    else:
        path = album.add(f"a{suffix}", xmp=packet)
    _, written, _ = album.delivered(path, keep_location=keep)
    with Image.open(written.path) as image:
        image.load()
        found = image.info.get("xmp")
        assert found == (packet if kept else None)
    assert any("XMP" in note for note in written.notes) == (not kept)


def test_jpeg_keeps_its_comment_and_density(album: Any) -> None:
    path = album.add("a.jpg", comment=b"a comment", dpi=(300, 300))
    _, written, _ = album.delivered(path)
    with Image.open(written.path) as image:
        assert image.info["comment"] == b"a comment"
        assert image.info["dpi"] == (300, 300)


def test_png_keeps_text_gamma_and_colour_space(album: Any, camera: Any) -> None:
    info = PngInfo()
    info.add(b"gAMA", struct.pack(">I", 45455))
    info.add(b"cHRM", struct.pack(">8I", *range(31270, 31278)))
    info.add_text("Author", "A. Author")
    info.add_text("Comment", "long " * 100, zip=True)
    info.add_itxt("Title", "ein Titel, größer", "de", "Titel")
    info.add_text("Raw profile type exif", "\nexif\n 4\n45786966\n")
    info.add_text("exif:GPSLatitude", "48/1")
    path = album.add("a.png", pnginfo=info, dpi=(144, 144))
    _, written, _ = album.delivered(path)
    chunks = camera.png_chunks(written.path)
    assert chunks[b"gAMA"] == struct.pack(">I", 45455)
    assert chunks[b"cHRM"] == struct.pack(">8I", *range(31270, 31278))
    with Image.open(written.path) as image:
        image.load()
        assert image.text == {"Author": "A. Author", "Comment": "long " * 100, "Title": "ein Titel, größer"}
        assert image.info["dpi"] == pytest.approx((144, 144), abs=0.1)
    assert written.notes == ("left out: texts that hold EXIF, IPTC or a place",)


def test_what_is_behind_a_jpeg_does_not_come_along(album: Any) -> None:
    """A phone appends the film that its photograph was taken from."""
    path = album.add("a.jpg")
    path.write_bytes(path.read_bytes() + b"ftypmp42" + bytes(1000))
    _, written, _ = album.delivered(path)
    assert b"ftypmp42" not in written.path.read_bytes()


def test_the_source_is_not_read_again(album: Any) -> None:
    """What is written is what was opened, even if the file is gone by then."""
    path = album.add("a.png", album.deep)
    photograph = open_photograph(path)
    path.write_bytes(b"gone")
    written = write_photograph(photograph, photograph.pixels, album.output)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written.path.read_bytes()))), album.deep)


def test_exif_too_long_for_a_jpeg_keeps_the_orientation(album: Any) -> None:
    """EXIF in two segments is joined when it is read, and cannot be written in one."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "x" * 80000
    content = exif.tobytes()
    path = album.add("a.jpg")
    raw = path.read_bytes()
    parts = (content[:60000], b"Exif\0\0" + content[60000:])
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
    path.write_bytes(raw[:2] + segments + raw[2:])
    before, written, after = album.delivered(path)
    first, _, _ = said(written.path)
    assert first == {ExifTags.Base.Orientation: 6}
    assert before.pixels.shape == after.pixels.shape == (90, 60, 3)
    assert "EXIF" in written.notes[-1]
