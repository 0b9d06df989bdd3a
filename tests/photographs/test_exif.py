"""EXIF that is damaged, and what is read of directories."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robusthash.photographs.directories import DirectoryError, parsed, swapped
from robusthash.photographs.exif import rewritten


def exif_bytes(*entries: tuple[int, int, int, int], order: str = "<", start: int = 8, version: int = 42) -> bytes:
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", version, start)
    body = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    return head + struct.pack(f"{order}H", len(entries)) + body + bytes(4)


DAMAGED = {
    "no byte order": b"XX\x2a\0\x08\0\0\0",
    "ends in its head": b"II\x2a\0",
    "starts behind its end": exif_bytes(start=4000),
    "is a BigTIFF": exif_bytes(version=43),
    "claims more entries": exif_bytes((0x10E, 2, 4, 0))[:-10],
    "points nowhere": exif_bytes((0x8769, 4, 1, 9999)),
    "has a pointer of text": exif_bytes((0x8769, 2, 4, 0)),
    "overlaps": exif_bytes(*((tag, 1, 300, 8) for tag in range(0x9C9B, 0x9C9F)), (0x10E, 2, 5, 0)).ljust(320, b"\0"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_exif_is_left_out_and_told(album: Any, name: str) -> None:
    path = album.add("a.jpg", exif=b"Exif\0\0" + DAMAGED[name])
    _, written, _ = album.delivered(path)
    assert "EXIF, which is damaged" in written.notes[-1]
    with Image.open(written.path) as image:
        assert "exif" not in image.info


def test_whatever_is_flipped_in_exif_is_read_or_refused(camera: Any) -> None:
    whole = camera.exif(orientation=3)
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = np.frombuffer(whole[6:], dtype=np.uint8).copy()
        damaged[generator.integers(0, 200, 3)] = generator.integers(0, 256, 3)
        try:
            found = rewritten(damaged.tobytes(), orientation=3)
        except DirectoryError:
            refused += 1
        else:
            assert len(found.content) <= 2 * len(whole), "it never grows"
            if found.content:
                parsed(found.content[6:])
    assert 0 < refused < 400


def test_bytes_are_swapped_by_the_width_of_their_numbers() -> None:
    for order in "<>":
        entries = exif_bytes((0x11A, 5, 1, 26), (0x112, 3, 1, 6 if order == "<" else 6 << 16), order=order)
        content = entries + struct.pack(f"{order}II", 300, 1)
        other = swapped(parsed(content.replace(b"\0\0\0\x1a", struct.pack(f"{order}I", 38))).first)
        assert set(other) <= {0x11A, 0x112}
        assert other[0x112].raw[:2] == struct.pack(">H" if order == "<" else "<H", 6)  # type: ignore[union-attr]


def test_a_directory_that_points_to_itself_ends() -> None:
    content = exif_bytes((0x112, 3, 1, 6), (0x8769, 4, 1, 8))
    assert len(rewritten(content, orientation=6).content) < 4 * len(content)
