"""TIFF of one page, with the source's compression if that has no loss."""

import io
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from robusthash.photographs.exif import grafted
from robusthash.photographs.formats.base import Format, given
from robusthash.photographs.metadata import Metadata

__all__ = ["Tiff", "has_further_pages"]

_LOSSLESS = frozenset({"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "zstd", "lzma"})
_USUAL = "tiff_adobe_deflate"
_BITS_PER_SAMPLE, _SUBFILE, _REDUCED = 258, 254, 1


@dataclass(frozen=True, kw_only=True)
class Tiff(Format):
    """How a TIFF file was written."""

    suffix: ClassVar[str] = ".tif"
    inks: ClassVar[bool] = True
    compression: str  #: by Pillow's name
    bits: int  #: of each channel
    grey: bool

    @classmethod
    def of(cls, image: Image.Image, content: bytes) -> "Tiff":  # noqa: D102, ARG003 - as in the base class
        bits = image.getexif().get(_BITS_PER_SAMPLE, 1)
        return cls(
            compression=str(image.info.get("compression", "raw")),
            bits=max(bits) if isinstance(bits, tuple) else int(bits),
            grey=len(image.getbands()) == 1,
        )

    @property
    def notes(self) -> tuple[str, ...]:  # noqa: D102 - as in the base class
        found = []
        if self.bits > 8 and not self.grey:
            found.append(f"{self.bits} bits a channel become 8")
        if self.compression not in _LOSSLESS:
            found.append(f"{self.compression} compression becomes deflate, without loss")
        return tuple(found)

    def encoded(self, image: Image.Image, metadata: Metadata) -> bytes:  # noqa: D102 - as in the base class
        buffer = io.BytesIO()
        compression = self.compression if self.compression in _LOSSLESS else _USUAL
        image.save(buffer, format="TIFF", compression=compression, **given(icc_profile=metadata.profile))
        return grafted(buffer.getvalue(), exif=metadata.exif, xmp=metadata.xmp, iptc=metadata.iptc)


def has_further_pages(image: Image.Image) -> bool:
    """Whether a file has other pages than smaller copies of one. The first one stays open."""
    found = False
    for page in range(1, getattr(image, "n_frames", 1)):
        image.seek(page)
        kind = image.getexif().get(_SUBFILE, 0)
        if not (isinstance(kind, int) and kind & _REDUCED):
            found = True
            break
    image.seek(0)
    return found
