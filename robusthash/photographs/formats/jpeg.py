"""JPEG with the source's own quantisation tables, subsampling and order of scans."""

import io
import struct
from dataclasses import dataclass
from typing import Any, ClassVar

from PIL import Image

from robusthash.photographs.formats.base import Format, given
from robusthash.photographs.iptc import app13
from robusthash.photographs.metadata import Metadata

__all__ = ["Jpeg"]

_SUBSAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}  #: by the luminance's factors
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  #: markers that start a frame


@dataclass(frozen=True, kw_only=True)
class Jpeg(Format):
    """How a JPEG was written."""

    suffix: ClassVar[str] = ".jpg"
    inks: ClassVar[bool] = True
    room: ClassVar[int | None] = 65533  # of one marker
    tables: tuple[tuple[int, ...], ...]  #: quantisation, one for each component
    subsampling: str | None  #: of the colours; None if Pillow cannot write it
    progressive: bool
    rgb: bool  #: whether it stores red, green and blue instead of luminance and two colours
    others: bool  #: whether the file holds further pictures
    ycck: bool  #: whether its inks are stored as luminance, two colours, and black

    @classmethod
    def of(cls, image: Image.Image, content: bytes) -> "Jpeg":  # noqa: D102 - as in the base class
        marker, components = _frame(content)
        stored: dict[int, list[int]] = getattr(image, "quantization", {})
        factors = {component[:2] for component in components[1:]}
        even = factors <= {(1, 1)}
        return cls(
            tables=tuple(tuple(stored[table]) for _, _, table in components),
            subsampling=_SUBSAMPLINGS.get(components[0][:2]) if even and len(components) == 3 else None,
            progressive=marker in _PROGRESSIVE,
            ycck=len(components) == 4 and image.info.get("adobe_transform") == 2,
            rgb=len(components) == 3 and image.info.get("adobe_transform") == 0,
            others=image.format == "MPO" or "mp" in image.info,  # gain maps are no MPO to some versions of Pillow
        )

    @property
    def notes(self) -> tuple[str, ...]:  # noqa: D102 - as in the base class
        found = []
        if self.ycck:
            found.append("its inks are stored one by one, not as YCCK, and its file is larger")
        if self.others:
            found.append("only the first of the pictures in the file: no gain map, depth map or second view")
        if len(self.tables) == 3 and self.subsampling is None:
            found.append("its rare subsampling of colours becomes none, 4:4:4")
        return tuple(found)

    def encoded(self, image: Image.Image, metadata: Metadata) -> bytes:  # noqa: D102 - as in the base class
        options = given(
            exif=metadata.exif,
            icc_profile=metadata.profile,
            xmp=metadata.xmp,
            comment=metadata.comment,
            dpi=metadata.density,
            keep_rgb=self.rgb,
        )
        # The finest table is the first, of luminance; inks have no other.
        options["qtables"] = _fewest(self.tables if image.mode == "RGB" else self.tables[:1])
        if image.mode == "RGB":
            options["subsampling"] = self.subsampling or "4:4:4"
        return _with_iptc(_saved(image, options, progressive=self.progressive), metadata.iptc)


def recompressed(image: Image.Image, quality: int) -> bytes:
    """A JPEG as programs write it by default: 4:2:0, of a quality from 1 to 100."""
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def _saved(image: Image.Image, options: dict[str, Any], *, progressive: bool) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, format="JPEG", progressive=progressive, **options)
    except OSError:
        if not progressive:
            raise
        # Pillow reserves two bytes a pixel for a progressive file, which a noisy picture of the finest quality exceeds.
        return _saved(image, options, progressive=False)
    return buffer.getvalue()


def _with_iptc(content: bytes, iptc: bytes) -> bytes:
    """A JPEG with IPTC data, which Pillow does not write: behind the header of JFIF, which has to be the first."""
    if not iptc:
        return content
    place = 4 + struct.unpack_from(">H", content, 4)[0] if content[2:4] == b"\xff\xe0" else 2
    return content[:place] + app13(iptc) + content[place:]


def _fewest(tables: tuple[tuple[int, ...], ...]) -> list[list[int]]:
    """The tables up to the last that differs from the one before: Pillow takes it for all further components."""
    kept = [list(table) for table in tables]
    while len(kept) > 1 and kept[-1] == kept[-2]:
        kept.pop()
    return kept


def _frame(content: bytes) -> tuple[int, list[tuple[int, int, int]]]:
    """The marker of the first frame, and of each component the two sampling factors and the number of its table.

    Raises:
        ValueError: there is none.
    """
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker in _FRAMES:
            count = content[place + 9]
            parts = (content[start : start + 3] for start in range(place + 10, place + 10 + 3 * count, 3))
            return marker, [(factors >> 4, factors & 15, table) for _, factors, table in parts]
        place += 2 + struct.unpack_from(">H", content, place + 2)[0]
    raise ValueError("it has no frame")
