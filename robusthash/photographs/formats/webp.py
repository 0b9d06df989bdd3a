"""WebP without loss."""

import io
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from robusthash.photographs.formats.base import Format, given
from robusthash.photographs.metadata import Metadata

__all__ = ["Webp"]

_EFFORT = 50  #: of 100; Pillow's 80 takes three times as long for the same size


@dataclass(frozen=True, kw_only=True)
class Webp(Format):
    """How a WebP was written."""

    suffix: ClassVar[str] = ".webp"
    lossy: bool

    @classmethod
    def of(cls, image: Image.Image, content: bytes) -> "Webp":  # noqa: D102, ARG003 - as in the base class
        return cls(lossy=not _lossless(content))

    @property
    def notes(self) -> tuple[str, ...]:  # noqa: D102 - as in the base class
        return ("lossy WebP becomes lossless, and its file larger",) if self.lossy else ()

    def encoded(self, image: Image.Image, metadata: Metadata) -> bytes:  # noqa: D102 - as in the base class
        buffer = io.BytesIO()
        options = given(exif=metadata.exif, icc_profile=metadata.profile, xmp=metadata.xmp)
        # exact: without it, the colours under full transparency are replaced by what compresses best.
        image.save(buffer, format="WEBP", lossless=True, exact=True, quality=_EFFORT, **options)
        return buffer.getvalue()


def _lossless(content: bytes) -> bool:
    """Whether the picture of a RIFF file of WebP is in a VP8L chunk, which is the format without loss."""
    place = 12
    while place + 8 <= len(content):
        name, length = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        if name in {b"VP8 ", b"VP8L"}:
            return name == b"VP8L"
        place += 8 + length + length % 2
    return False
