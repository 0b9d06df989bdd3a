"""EXIF without what gives the place or the clean picture away, and put into a TIFF file."""

from dataclasses import dataclass

from robusthash.photographs.directories import (
    EXIF,
    GPS,
    HEADER,
    Directory,
    DirectoryError,
    Value,
    header,
    number,
    parsed,
    swapped,
    written,
)
from robusthash.photographs.orientation import NORMAL, TAG

__all__ = ["Rewritten", "exif_of", "grafted", "iptc_of", "rewritten"]

_PREFIX = b"Exif\0\0"  #: before EXIF in JPEG and other formats
_MAKER_NOTE = 0x927C
_XMP, _IPTC = 0x02BC, 0x83BB  #: tags
_BYTE, _UNDEFINED = 1, 7  #: types

#: What is kept of the first directory: what describes the picture, such as its maker, author, resolution and caption.
#: The rest describes how a TIFF file stores it, or holds other pictures, edits, or a map's coordinates.
_DESCRIPTIVE = frozenset(
    {
        *(0x010E, 0x010F, 0x0110, TAG, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x0213),
        *(0x4746, 0x4749, 0x8298, EXIF, GPS, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F),
    }
)


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """EXIF as it is delivered."""

    content: bytes  #: with the prefix of six bytes; empty if there is nothing to be said
    left_out: tuple[str, ...]  #: what is not in it any more


def rewritten(exif: bytes, *, orientation: int, keep_location: bool = False, thumbnail: bool = True) -> Rewritten:
    """EXIF without its thumbnail, the camera maker's notes, and the place.

    The thumbnail shows the clean picture. The maker's notes may hold a larger preview or a place, and nobody but the
    maker can tell.

    Args:
        exif: with or without its prefix; a TIFF file is EXIF too. Empty if there is none.
        orientation: of the pixels that it is stored with.
        keep_location: whether the place stays.
        thumbnail: whether a directory that follows the first is the thumbnail's, and not that of a further page.

    Raises:
        DirectoryError: it is damaged.
    """
    raw = exif.removeprefix(_PREFIX).removeprefix(_PREFIX)
    order, first, left_out = "<", Directory(), []
    if raw:
        read = parsed(raw)
        order, first = read.order, read.first
        inner = first.get(EXIF)
        if isinstance(inner, dict) and inner.pop(_MAKER_NOTE, None) is not None:
            left_out.append("the camera maker's notes, which may hold a preview or the place")
        if read.more and thumbnail:
            left_out.append("the thumbnail, which shows the clean picture")
        if GPS in first and not keep_location:
            del first[GPS]
            left_out.append("the place where it was taken")
        first = {tag: value for tag, value in first.items() if tag in _DESCRIPTIVE}
    if TAG in first or orientation != NORMAL:
        first[TAG] = number(orientation, order)
    return Rewritten(content=_framed(first, order) if first else b"", left_out=tuple(left_out))


def exif_of(orientation: int) -> bytes:
    """EXIF that says nothing but the orientation; empty if the pixels stand upright."""
    return rewritten(b"", orientation=orientation).content


def iptc_of(tiff: bytes) -> bytes:
    """The IPTC data of a TIFF file: its bytes as they lie, because some programs call them 32-bit numbers.

    Returns:
        Nothing if there is none, or if the file's first directory cannot be read.
    """
    try:
        value = parsed(tiff).first.get(_IPTC)
    except DirectoryError:
        return b""
    return value.raw if isinstance(value, Value) else b""


def grafted(tiff: bytes, *, exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b"") -> bytes:
    """A TIFF file with the entries of EXIF, an XMP packet and IPTC data beside its own, which describe its storage.

    Pillow cannot write them into a compressed file.

    Args:
        tiff: of one page, as Pillow writes it.
        exif: as it is delivered; empty for none.
        xmp: the packet; empty for none.
        iptc: the data sets; empty for none.

    Raises:
        DirectoryError: the file would be too large.
    """
    file = parsed(tiff)
    merged = Directory()
    if exif:
        given = parsed(exif.removeprefix(_PREFIX))
        merged |= given.first if given.order == file.order else swapped(given.first)
    merged |= file.first
    if xmp:
        merged[_XMP] = Value(_BYTE, len(xmp), xmp)
    if iptc:
        merged[_IPTC] = Value(_UNDEFINED, len(iptc), iptc)
    start = len(tiff) + len(tiff) % 2
    return header(file.order, start) + tiff[HEADER:].ljust(start - HEADER, b"\0") + written(merged, file.order, start)


def _framed(first: Directory, order: str) -> bytes:
    return _PREFIX + header(order, HEADER) + written(first, order, HEADER)
