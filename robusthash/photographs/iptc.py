"""IPTC data, what agencies say of a picture, without the place and the preview."""

import struct
from collections.abc import Iterator

__all__ = ["IptcError", "app13", "without"]

_RESOURCE = 0x0404  #: of Photoshop's, which holds it in a JPEG
_APPLICATION = 2  #: number of the record that describes the picture
_PLACES = frozenset({26, 27, 90, 92, 95, 100, 101})  #: its data sets: location, city, province, country
_PREVIEWS = frozenset({200, 201, 202})
_MARK = 0x1C  #: before each data set


class IptcError(ValueError):
    """IPTC data is damaged."""


def without(iptc: bytes, *, keep_location: bool) -> tuple[bytes, bool, bool]:
    """The data sets that are delivered; and whether some of the place, and a preview, are not among them.

    Args:
        iptc: data sets, one after another.
        keep_location: whether those of the place stay.

    Raises:
        IptcError: it is damaged.
    """
    kept, place, preview = b"", False, False
    for record, number, whole in _data_sets(iptc):
        if record == _APPLICATION and number in _PREVIEWS:
            preview = True
        elif record == _APPLICATION and number in _PLACES and not keep_location:
            place = True
        else:
            kept += whole
    return kept, place, preview


def app13(iptc: bytes) -> bytes:
    """The segment of a JPEG that holds it, as one of Photoshop's resources."""
    resource = struct.pack(">4sHHI", b"8BIM", _RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    content = b"Photoshop 3.0\0" + resource
    return struct.pack(">BBH", 0xFF, 0xED, len(content) + 2) + content


def _data_sets(iptc: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, number, and the bytes of each data set."""
    place = 0
    while place < len(iptc) and iptc[place] != 0:  # zeros fill the rest
        try:
            mark, record, number, length = struct.unpack_from(">BBBH", iptc, place)
        except struct.error as error:
            raise IptcError("it ends early") from error
        end = place + 5 + length
        # The highest bit says that the length of the length follows: of data sets beyond 32 KiB, which are pictures.
        if mark != _MARK or length > 0x7FFF or end > len(iptc):
            raise IptcError("a data set is damaged")
        yield record, number, iptc[place:end]
        place = end
