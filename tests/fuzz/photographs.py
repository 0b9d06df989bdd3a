"""A photograph of a stranger's: opened, changed and written, whatever its bytes are."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from robusthash.photographs import open_photograph, write_photograph

__all__ = ["KINDS", "photograph", "sound_photographs"]

KINDS = ("JPEG", "TIFF", "WEBP", "GIF", "BMP")  #: all but those whose every byte is checked, such as PNG
_MOST = 1 << 20  #: pixels of a picture whose size was changed, which would only be slow


def photograph(content: bytes) -> None:
    """Opens a file, and writes it with other pixels."""
    with tempfile.TemporaryDirectory(prefix="robusthash-fuzz-") as place:
        folder = Path(place)
        path = folder / "a.jpg"
        path.write_bytes(content)
        opened = open_photograph(path)
        if opened.pixels.size <= 3 * _MOST:
            write_photograph(opened, 255 - opened.pixels, folder / "output")


def sound_photographs() -> list[bytes]:
    """One of each kind, small, with EXIF, XMP and a comment where the kind has them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "A. Author"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.FNumber: 2.8, ExifTags.Base.MakerNote: b"maker" * 4}
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 8.0, 14.0)}
    pixels = np.arange(24 * 16 * 3, dtype=np.uint8).reshape(16, 24, 3)
    told = {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta/>", "comment": b"told"}
    names = {"JPEG": ("exif", "xmp", "comment"), "TIFF": ("exif",), "WEBP": ("exif", "xmp")}
    found = []
    for kind in KINDS:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format=kind, **{name: told[name] for name in names.get(kind, ())})
        found.append(buffer.getvalue())
    return found
