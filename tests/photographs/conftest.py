"""A folder of photographs as people have them: every format, mode and orientation, drawn here."""

import io
import struct
import sys
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from robusthash.photographs import Photograph, Written, open_photograph, write_photograph


class Album:
    """A folder of photographs, and the folder that they are delivered in."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "album"
        self.output = root / "delivered"
        self.folder.mkdir()
        self.scene = draw()
        self.grey = self.scene[..., 0]
        self.deep = self.grey.astype(np.uint16) * 251 + 7

    def add(
        self, name: str, pixels: np.ndarray | Image.Image | None = None, mode: str | None = None, **options: Any
    ) -> Path:
        """Saves pixels, by default the scene, after converting them to a mode."""
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(self.scene if pixels is None else pixels)
        path = self.folder / name
        (image if mode is None else image.convert(mode)).save(path, **options)
        return path

    def frames(self, name: str, **options: Any) -> Path:
        """Saves two pictures in one file."""
        second = Image.fromarray(255 - self.scene)
        return self.add(name, save_all=True, append_images=[second], **options)

    def delivered(
        self, path: Path, change: int | np.ndarray = 0, **options: Any
    ) -> tuple[Photograph, Written, Photograph]:
        """Opens a photograph, changes it by levels, writes it, and opens what was written."""
        photograph = open_photograph(path)
        changed = np.clip(photograph.pixels.astype(int) + change, 0, 255).astype(np.uint8)
        written = write_photograph(photograph, changed, self.output, **options)
        return photograph, written, open_photograph(written.path)


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """An empty album, with a scene to be photographed."""
    return Album(tmp_path)


@pytest.fixture
def camera() -> ModuleType:
    """This file: what writes as cameras do."""
    return sys.modules[__name__]


def draw(height: int = 60, width: int = 90) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([y * 180 // height, x * 200 // width, (x + 2 * y) * 200 // (width + 2 * height)], axis=2)
    return (waves + np.random.default_rng(0).integers(0, 5, waves.shape)).astype(np.uint8)


def exif(*, orientation: int = 1, place: bool = True, thumbnail: bool = True, maker: bool = True) -> bytes:
    """EXIF as a camera writes it: a caption, times, the maker's notes, a place, and a thumbnail."""
    whole = Image.Exif()
    whole[ExifTags.Base.Orientation] = orientation
    whole[ExifTags.Base.Artist] = "A. Author"
    whole[ExifTags.Base.ImageDescription] = "a caption"
    inner = whole.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2020:02:03 04:05:06"
    inner[ExifTags.Base.FNumber] = 2.8
    if maker:
        inner[ExifTags.Base.MakerNote] = b"MAKER" * 20
    whole[ExifTags.IFD.Exif] = inner
    if place:
        whole[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)}
    content = whole.tobytes()
    return with_thumbnail(content) if thumbnail else content


def with_thumbnail(content: bytes) -> bytes:
    """Appends a second directory, with a JPEG, to EXIF."""
    buffer = io.BytesIO()
    Image.fromarray(draw(30, 40)).save(buffer, format="JPEG")
    order = "<" if content[6:8] == b"II" else ">"
    raw = bytearray(content[6:])
    (first,) = struct.unpack_from(f"{order}I", raw, 4)
    (count,) = struct.unpack_from(f"{order}H", raw, first)
    start = len(raw)
    struct.pack_into(f"{order}I", raw, first + 2 + 12 * count, start)
    picture = buffer.getvalue()
    entries = [(0x103, 3, 1, 6), (0x201, 4, 1, start + 2 + 12 * 3 + 4), (0x202, 4, 1, len(picture))]
    raw += struct.pack(f"{order}H", 3)
    for tag, kind, number, value in entries:
        raw += struct.pack(f"{order}HHI", tag, kind, number) + struct.pack(
            f"{order}{'H2x' if kind == 3 else 'I'}", value
        )
    return content[:6] + bytes(raw) + bytes(4) + picture


def png_of_16_bits(path: Path, channels: np.ndarray) -> None:
    """Writes (h, w, channels) uint16 as PNG, which Pillow cannot."""
    height, width, count = channels.shape
    rows = channels.astype(">u2").reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    kind = {2: 4, 3: 2, 4: 6}[count]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )


def tiff_of_16_bits(path: Path, pixels: np.ndarray) -> None:
    """Writes (h, w, 3) uint16 as TIFF, which Pillow cannot."""
    height, width, count = pixels.shape
    data = pixels.astype("<u2").tobytes()
    place = 8 + len(data)
    entries = [(0x100, 3, width), (0x101, 3, height), (0x103, 3, 1), (0x106, 3, 2), (0x111, 4, 8), (0x115, 3, count)]
    entries += [(0x116, 3, height), (0x117, 4, len(data))]
    bits = (0x102, 3, place + 2 + 12 * 9 + 4)
    directory = b"".join(
        struct.pack("<HHII", tag, kind, 3 if tag == 0x102 else 1, value)
        for tag, kind, value in sorted([*entries, bits])
    )
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, place)
        + data
        + struct.pack("<H", 9)
        + directory
        + bytes(4)
        + struct.pack("<HHH", 16, 16, 16)
    )


def png_chunks(path: Path) -> dict[bytes, bytes]:
    """The last chunk of each name in a PNG."""
    content, place, found = path.read_bytes(), 8, {}
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        found[content[place + 4 : place + 8]] = content[place + 8 : place + 8 + length]
        place += 12 + length
    return found


@cache
def profile() -> bytes:
    """A colour profile; the time of its making is in it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
