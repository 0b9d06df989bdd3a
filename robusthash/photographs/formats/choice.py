"""Chooses the format that a photograph is delivered in."""

from PIL import Image

from robusthash.photographs.formats.avif import Avif
from robusthash.photographs.formats.base import Format
from robusthash.photographs.formats.bmp import Bmp
from robusthash.photographs.formats.jpeg import Jpeg
from robusthash.photographs.formats.png import Png
from robusthash.photographs.formats.tiff import Tiff
from robusthash.photographs.formats.webp import Webp

__all__ = ["written_as"]

#: By Pillow's name. Whatever else it reads becomes PNG.
_FORMATS: dict[str, type[Format]] = {
    "AVIF": Avif,
    "BMP": Bmp,
    "JPEG": Jpeg,
    "MPO": Jpeg,
    "PNG": Png,
    "TIFF": Tiff,
    "WEBP": Webp,
}


def written_as(image: Image.Image, content: bytes) -> tuple[Format, str | None]:
    """The format of a file with its settings; and a line that says so if it is not the file's own.

    Args:
        image: opened.
        content: of its file.

    Raises:
        Exception: one of ``decoding.BROKEN``.
    """
    kind = _FORMATS.get(image.format or "")
    if kind is None:
        return Png(), f"{image.format} becomes PNG"
    if kind is Bmp and image.mode == "RGBA":
        return Png(), "BMP with an alpha channel becomes PNG: Pillow writes BMP without"
    return kind.of(image, content), None
