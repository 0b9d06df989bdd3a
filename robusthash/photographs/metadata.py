"""What a file says besides its pixels, and what of it is delivered."""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from robusthash.photographs.decoding import BROKEN
from robusthash.photographs.directories import DirectoryError
from robusthash.photographs.exif import exif_of, iptc_of, rewritten
from robusthash.photographs.iptc import IptcError, without
from robusthash.photographs.orientation import NORMAL, TAG, known_orientation

__all__ = ["Metadata", "orientation_of"]

_PHOTOSHOP = 0x8649  #: tag of TIFF
_IPTC_RESOURCE = 0x0404  #: of Photoshop's, in JPEG
_TRIVIAL_RESOURCES = frozenset({_IPTC_RESOURCE, 0x0425, 0x03ED})  #: with the digest of IPTC data, and the resolution
_OVERHEAD = 32  #: bytes around IPTC data in JPEG

#: Names in XMP and IPTC's schemas of it that mean a place.
_PLACE = re.compile(rb"GPS|[Ll]ocation|City|Country|State|Region|geo:|Latitude|Longitude")
#: Names that mean another picture: a thumbnail in it, or a gain map, a depth map or a film behind the picture.
_PICTURE = re.compile(rb"Thumbnail|GImg|GainMap|hdrgm|Container|GCamera|GDepth|GImage|MotionPhoto|HasExtendedXMP")


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file says of its picture."""

    orientation: int = NORMAL  #: of the pixels as they are stored
    exif: bytes = b""
    xmp: bytes = b""  #: a packet
    iptc: bytes = b""  #: data sets
    profile: bytes = b""  #: ICC, of the colours
    tiff: bool = False  #: whether the EXIF is that of a TIFF file, the whole of it
    comment: bytes = b""  #: of JPEG
    density: tuple[float, float] | None = None  #: pixels an inch
    further: tuple[str, ...] = ()  #: what else there is, and is never delivered

    @classmethod
    def of(cls, image: Image.Image, content: bytes, *, inks: bool) -> "Metadata":
        """What an image's file says.

        Args:
            image: opened, and not decoded: some formats forget the orientation when their pixels are turned.
            content: of its file.
            inks: whether CMYK is delivered as such; its colour profile means nothing to RGB.
        """
        info = image.info
        tiff = image.format == "TIFF"
        photoshop: dict[int, Any] = info.get("photoshop") or {}
        iptc = iptc_of(content) if tiff else photoshop.get(_IPTC_RESOURCE)
        edits = bool(photoshop.keys() - _TRIVIAL_RESOURCES) or (tiff and _PHOTOSHOP in image.getexif())
        return cls(
            orientation=orientation_of(image),
            exif=content if tiff else _bytes(info.get("exif")),
            iptc=_bytes(iptc),
            xmp=_bytes(info.get("xmp") or info.get("XML:com.adobe.xmp")),
            profile=b""
            if image.mode == "LAB" or (image.mode == "CMYK" and not inks)
            else _bytes(info.get("icc_profile")),
            comment=_bytes(info.get("comment")) if image.format in {"JPEG", "MPO"} else b"",
            density=_density(info.get("dpi")),
            tiff=tiff,
            further=("Photoshop's data, which may hold a thumbnail",) if edits else (),
        )

    def delivered(self, *, keep_location: bool, room: int | None = None) -> tuple["Metadata", tuple[str, ...]]:
        """What is put into the written file, and what is left out, one line each.

        Args:
            keep_location: whether the place where it was taken stays.
            room: bytes of EXIF, or of IPTC data, that the format takes; None if there is no limit.
        """
        left_out = list(self.further)
        try:
            exif = rewritten(
                self.exif, orientation=self.orientation, keep_location=keep_location, thumbnail=not self.tiff
            )
        except DirectoryError as error:
            content = exif_of(self.orientation)
            left_out.append(f"EXIF, which is damaged: {error}")
        else:
            content = exif.content
            left_out += exif.left_out
        if room is not None and len(content) > room:
            content = exif_of(self.orientation)
            left_out.append("EXIF, for which the format has no room")
        xmp = self.xmp
        if _PICTURE.search(xmp):
            xmp = b""
            left_out.append("XMP, which tells of a second picture")
        elif _PLACE.search(xmp) and not keep_location:
            xmp = b""
            left_out.append("XMP, which may hold the place where it was taken")
        iptc, without_iptc = self._iptc(keep_location=keep_location, room=room)
        left_out += without_iptc
        notes = (f"left out: {'; '.join(left_out)}",) if left_out else ()
        return replace(self, exif=content, xmp=xmp, iptc=iptc, further=()), notes

    def _iptc(self, *, keep_location: bool, room: int | None) -> tuple[bytes, list[str]]:
        try:
            iptc, place, preview = without(self.iptc, keep_location=keep_location)
        except IptcError as error:
            return b"", [f"IPTC data, which is damaged: {error}"]
        if room is not None and len(iptc) > room - _OVERHEAD:
            return b"", ["IPTC data, for which the format has no room"]
        told = ["the place in IPTC data"] if place else []
        return iptc, told + (["the preview in IPTC data"] if preview else [])


def orientation_of(image: Image.Image) -> int:
    """How an image's pixels, in their present state, are to be turned; 1 if its file does not say, or is damaged."""
    try:
        return known_orientation(image.getexif().get(TAG))
    except BROKEN:
        return NORMAL


def _bytes(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, bytes | bytearray) else b""


def _density(value: object) -> tuple[float, float] | None:
    """Pixels an inch, if they are numbers that every format can store."""
    if not (isinstance(value, tuple) and len(value) == 2):
        return None
    across, down = (float(one) for one in value)
    sound = all(math.isfinite(one) and 1 <= one < 65536 for one in (across, down))
    return (across, down) if sound else None
