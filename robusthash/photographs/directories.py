"""Directories of TIFF and EXIF: read as entries whose values are not interpreted, and written again.

Pillow's own writer interprets every value, and fails on those of an unexpected type, which cameras write.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = [
    "EXIF",
    "GPS",
    "HEADER",
    "INTEROPERABILITY",
    "Directory",
    "DirectoryError",
    "Parsed",
    "Value",
    "header",
    "number",
    "parsed",
    "swapped",
    "written",
]

HEADER = 8  #: bytes before the first directory may start
EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005  #: tags that point to another directory
_BELOW: dict[int | None, tuple[int, ...]] = {None: (EXIF, GPS), EXIF: (INTEROPERABILITY,)}  #: where they stand
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}  #: bytes by type
_WIDTHS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8}  #: bytes of the numbers that have a byte order
_SHORT, _LONG = 3, 4


class DirectoryError(ValueError):
    """A directory is damaged."""


@dataclass(frozen=True)
class Value:
    """The value of an entry."""

    kind: int  #: its type, by number
    count: int  #: of its elements
    raw: bytes  #: in the byte order of the whole


Directory = dict[int, "Value | Directory"]  #: values by tag; another directory where a tag points to one


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """The first directory of a TIFF file, with those below it."""

    order: str  #: of bytes, as :mod:`struct` writes it: ``<`` or ``>``
    first: Directory
    more: bool  #: whether another follows: of a further page, or of the thumbnail in EXIF


def parsed(content: bytes) -> Parsed:
    """Reads the first directory. Values that lie outside the content, and those of an unknown type, are left out.

    Args:
        content: a TIFF file, or EXIF without its header of six bytes.

    Raises:
        DirectoryError: it is no TIFF file, or damaged; or it is a BigTIFF.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        raise DirectoryError("it has no byte order")
    try:
        version, start = struct.unpack_from(f"{order}HI", content, 2)
        if version != 42:
            raise DirectoryError(f"its version is {version}")
        first, following = _directory(content, order, start, None)
    except struct.error as error:
        raise DirectoryError("it ends early") from error
    return Parsed(order=order, first=first, more=following != 0)


def header(order: str, start: int) -> bytes:
    """The first bytes of a TIFF file.

    Args:
        order: of bytes.
        start: place of the first directory.
    """
    return struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, start)


def number(value: int, order: str) -> Value:
    """A number of 16 bits."""
    return Value(_SHORT, 1, struct.pack(f"{order}H", value))


def swapped(directory: Mapping[int, "Value | Directory"]) -> Directory:
    """The same entries in the other byte order."""
    turned: Directory = {}
    for tag, value in directory.items():
        if isinstance(value, dict):
            turned[tag] = swapped(value)
        else:
            width = _WIDTHS.get(value.kind, 1)
            turned[tag] = Value(
                value.kind, value.count, np.frombuffer(value.raw, dtype=f"u{width}").byteswap().tobytes()
            )
    return turned


def written(directory: Mapping[int, "Value | Directory"], order: str, start: int) -> bytes:
    """A directory and all below it; none follows it.

    Args:
        directory: its values, in this byte order.
        order: of bytes.
        start: where in the file it will stand.

    Raises:
        DirectoryError: it lies beyond the four GiB of a TIFF file.
    """
    entries, values = b"", b""
    place = start + 2 + 12 * len(directory) + 4
    try:
        for tag, value in sorted(directory.items()):
            here = place + len(values)
            if isinstance(value, dict):
                kind, count, short, long = _LONG, 1, struct.pack(f"{order}I", here), written(value, order, here)
            elif len(value.raw) <= 4:
                kind, count, short, long = value.kind, value.count, value.raw.ljust(4, b"\0"), b""
            else:
                kind, count, short, long = value.kind, value.count, struct.pack(f"{order}I", here), value.raw
            entries += struct.pack(f"{order}HHI", tag, kind, count) + short
            values += long + b"\0" * (len(long) % 2)
    except struct.error as error:
        raise DirectoryError("it is larger than a TIFF file can be") from error
    return struct.pack(f"{order}H", len(directory)) + entries + bytes(4) + values


def _directory(content: bytes, order: str, start: int, owner: int | None) -> tuple[Directory, int]:
    """The directory at a place, and the place of the one that follows it; 0 if none does."""
    (count,) = struct.unpack_from(f"{order}H", content, start)
    found: Directory = {}
    total = 0
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", content, place)
        size = _SIZES.get(kind, 0) * length
        where = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", content, place + 8)[0]
        if not size or where + size > len(content):
            continue
        total += size
        if total > len(content):
            raise DirectoryError("its values overlap")  # written again, a small file would become a huge one
        value = Value(kind, length, content[where : where + size])
        found[tag] = value
        if tag in _BELOW.get(owner, ()):
            if kind != _LONG or length != 1:
                raise DirectoryError("a pointer is not a number")
            found[tag], _ = _directory(content, order, struct.unpack(f"{order}I", value.raw)[0], tag)
    end = start + 2 + 12 * count
    # Some writers leave out the pointer to the next one at the very end.
    following = struct.unpack_from(f"{order}I", content, end)[0] if end + 4 <= len(content) else 0
    return found, following
