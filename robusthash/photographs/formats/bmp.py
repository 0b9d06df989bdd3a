"""BMP, which says nothing but its pixels."""

import io
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from robusthash.photographs.formats.base import Format, given
from robusthash.photographs.metadata import Metadata

__all__ = ["Bmp"]


@dataclass(frozen=True, kw_only=True)
class Bmp(Format):
    """A BMP file."""

    suffix: ClassVar[str] = ".bmp"

    @classmethod
    def of(cls, image: Image.Image, content: bytes) -> "Bmp":  # noqa: D102, ARG003 - as in the base class
        return cls()

    def encoded(self, image: Image.Image, metadata: Metadata) -> bytes:  # noqa: D102 - as in the base class
        buffer = io.BytesIO()
        image.save(buffer, format="BMP", **given(dpi=metadata.density))
        return buffer.getvalue()
