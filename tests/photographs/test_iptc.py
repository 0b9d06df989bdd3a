"""IPTC data: kept without the place and previews."""

import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, IptcImagePlugin

from robusthash.photographs.exif import grafted
from robusthash.photographs.metadata import Metadata


def data_set(number: int, content: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, number, len(content)) + content


IPTC = data_set(80, b"A. Author") + data_set(90, b"Ulm") + data_set(116, b"all rights") + data_set(202, b"\xff\xd8\xff")


def with_iptc(album: Any, suffix: str, iptc: bytes) -> Path:
    """A file with IPTC data: in a resource of Photoshop's beside its thumbnail, or in a tag."""
    path = album.add(f"a{suffix}")
    content = path.read_bytes()
    if suffix == ".tif":
        path.write_bytes(grafted(content, iptc=iptc))
        return path
    resources = b"".join(
        struct.pack(">4sHHI", b"8BIM", number, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for number, data in ((0x040C, b"\xff\xd8\xff thumbnail"), (0x0404, iptc))
    )
    resources = b"Photoshop 3.0\0" + resources
    path.write_bytes(content[:2] + struct.pack(">BBH", 0xFF, 0xED, len(resources) + 2) + resources + content[2:])
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
@pytest.mark.parametrize("keep", [False, True])
def test_iptc_is_kept_without_place_and_preview(album: Any, suffix: str, keep: bool) -> None:
    _, written, after = album.delivered(with_iptc(album, suffix, IPTC), keep_location=keep)
    with Image.open(written.path) as image:
        found = IptcImagePlugin.getiptcinfo(image)
    assert found is not None
    assert found[2, 80] == b"A. Author"
    assert found[2, 116] == b"all rights"
    assert ((2, 90) in found) == keep
    assert (2, 202) not in found
    assert b"thumbnail" not in written.path.read_bytes()
    assert ("the place in IPTC" in written.notes[-1]) == (not keep)
    assert "the preview in IPTC" in written.notes[-1]
    assert ("Photoshop" in written.notes[-1]) == (suffix == ".jpg")
    assert after.pixels.shape == album.scene.shape


def test_iptc_that_is_called_numbers_is_kept(album: Any) -> None:
    path = with_iptc(album, ".tif", (data_set(80, b"A. Author") + data_set(116, b"all rights")).ljust(32, b"\0"))
    content = path.read_bytes()
    entry = struct.pack("<HHI", 0x83BB, 7, 32)
    assert entry in content
    path.write_bytes(content.replace(entry, struct.pack("<HHI", 0x83BB, 4, 8)))
    _, written, _ = album.delivered(path)
    with Image.open(written.path) as image:
        assert (IptcImagePlugin.getiptcinfo(image) or {})[2, 80] == b"A. Author"


@pytest.mark.parametrize(
    ("iptc", "words"),
    [
        (b"\x1c\x02", "it ends early"),
        (b"\x1c\x02\x50\0\x09A.", "a data set is damaged"),
        (b"\x1b" + data_set(80, b"x"), "a data set is damaged"),
        (data_set(80, b"x") + b"\x1c\x02\x78\x80\x04\0\0\0\1x", "a data set is damaged"),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_damaged_iptc_is_left_out_and_told(album: Any, iptc: bytes, words: str, suffix: str) -> None:
    _, written, _ = album.delivered(with_iptc(album, suffix, iptc))
    assert f"IPTC data, which is damaged: {words}" in written.notes[-1]


def test_iptc_too_long_for_a_jpeg_is_told() -> None:
    metadata = Metadata(iptc=data_set(120, b"x" * 30000) * 3)
    assert metadata.delivered(keep_location=False)[0].iptc == metadata.iptc
    delivered, notes = metadata.delivered(keep_location=False, room=65533)
    assert delivered.iptc == b""
    assert notes == ("left out: IPTC data, for which the format has no room",)
