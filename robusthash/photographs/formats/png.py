"""PNG with the source's text, gamma and colour space."""

import io
import struct
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from robusthash.photographs.formats.base import Format, given
from robusthash.photographs.metadata import Metadata

__all__ = ["Png"]

_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_COLOUR = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP"})
_START = 8  #: bytes of the signature
_XMP = b"XML:com.adobe.xmp\0"  #: key of the text that is XMP, which is delivered by itself
#: Starts of the keys of texts that hold EXIF or IPTC, or a place, as ImageMagick writes them.
_DISGUISED = (b"Raw profile type", b"exif:", b"geo:", b"GPS", b"Location")
_GREY, _COLOURED = 0, 2


@dataclass(frozen=True, kw_only=True)
class Png(Format):
    """How a PNG was written."""

    suffix: ClassVar[str] = ".png"
    chunks: tuple[tuple[bytes, bytes], ...] = ()  #: those that are kept as they are: name and content
    bits: int = 8  #: of each channel, in the source
    kind: int = _COLOURED  #: of its colours, by PNG's number
    disguised: bool = False  #: whether it has texts that hold other metadata

    @classmethod
    def of(cls, image: Image.Image, content: bytes) -> "Png":  # noqa: D102, ARG003 - as in the base class
        bits, kind = content[24], content[25]
        colour = [chunk for chunk in _chunks(content) if chunk[0] in _COLOUR]
        texts = [chunk for chunk in _chunks(content) if chunk[0] in _TEXT and not chunk[1].startswith(_XMP)]
        kept = [chunk for chunk in texts if not chunk[1].startswith(_DISGUISED)]
        return cls(chunks=(*colour, *kept), bits=bits, kind=kind, disguised=len(kept) < len(texts))

    @property
    def notes(self) -> tuple[str, ...]:  # noqa: D102 - as in the base class
        found = []
        if self.bits == 16 and self.kind != _GREY:
            found.append("16 bits a channel become 8")
        if self.bits in {2, 4} and self.kind == _GREY:
            found.append(f"{self.bits}-bit grey becomes 8-bit grey")
        if self.disguised:
            found.append("left out: texts that hold EXIF, IPTC or a place")
        return tuple(found)

    def encoded(self, image: Image.Image, metadata: Metadata) -> bytes:  # noqa: D102 - as in the base class
        info = PngInfo()
        for name, data in self.chunks:
            info.add(name, data)
        if metadata.xmp:
            info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
        buffer = io.BytesIO()
        options = given(exif=metadata.exif, icc_profile=metadata.profile, dpi=metadata.density)
        image.save(buffer, format="PNG", pnginfo=info, **options)
        return buffer.getvalue()


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    place = _START
    while place + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        name = content[place + 4 : place + 8]
        if name not in {b"IDAT", b"IEND"}:
            found.append((name, content[place + 8 : place + 8 + length]))
        place += 12 + length
    return found
