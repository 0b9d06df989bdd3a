"""What it takes to write a file as its source was written."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from PIL import Image

from robusthash.photographs.metadata import Metadata

__all__ = ["Format"]


class Format(ABC):
    """A file format, with the settings that one file was written with: a frozen dataclass of them."""

    suffix: ClassVar[str]  #: of files that become this format
    inks: ClassVar[bool] = False  #: whether it holds CMYK
    room: ClassVar[int | None] = None  #: bytes of EXIF, or of IPTC data, that it takes; None if there is no limit

    @classmethod
    @abstractmethod
    def of(cls, image: Image.Image, content: bytes) -> "Format":
        """The settings of a file.

        Args:
            image: opened, in this format.
            content: of its file.

        Raises:
            Exception: one of ``decoding.BROKEN``.
        """

    @property
    def notes(self) -> tuple[str, ...]:
        """What becomes of the file that is not what it was, one line each."""
        return ()

    @abstractmethod
    def encoded(self, image: Image.Image, metadata: Metadata) -> bytes:
        """The content of a file.

        Args:
            image: mode L, LA, RGB, RGBA, CMYK or I;16, as it is to be stored.
            metadata: what the file is to say.

        Raises:
            OSError: the encoder fails.
        """


def given(**options: Any) -> dict[str, Any]:
    """Pillow's options without those that are empty; an empty one is not the same to it as none.

    >>> given(exif=b"", dpi=(72, 72))
    {'dpi': (72, 72)}
    """
    return {name: value for name, value in options.items() if value}
