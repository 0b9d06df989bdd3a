"""Opens a photograph: its pixels as a viewer shows them, and what writing it again needs."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from robusthash.errors import UnreadablePhotograph
from robusthash.files.opening import read_file
from robusthash.photographs.decoding import BROKEN, opened_image, reason, without_warnings
from robusthash.photographs.formats import Format, written_as
from robusthash.photographs.formats.tiff import has_further_pages
from robusthash.photographs.metadata import Metadata, orientation_of
from robusthash.photographs.naming import RAW
from robusthash.photographs.planes import Planes

__all__ = ["Photograph", "open_photograph"]

_STILL = "export it as a still picture, such as JPEG or PNG"
_REPLACE = "repair or convert the file, or take it out of the folder"
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})  #: brands of its files


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """A photograph in memory."""

    path: Path
    planes: Planes  #: upright
    metadata: Metadata
    format: Format  #: that it is written in
    converted: bool  #: whether that is another one than the file's own
    notes: tuple[str, ...]  #: what becomes of it that is not what it was, one line each

    @property
    def pixels(self) -> np.ndarray:
        """(h, w, 3) uint8 RGB, upright; what a dataset's loader reads, turned as EXIF says."""
        return self.planes.rgb

    @property
    def grey(self) -> bool:
        """Whether it is delivered in one plane of grey: a change of three planes becomes their mean."""
        return self.planes.grey


def open_photograph(path: Path) -> Photograph:
    """Reads a photograph whole.

    Args:
        path: of the file.

    Raises:
        UnreadablePhotograph: it is missing, damaged, not an image, animated, of several pages, a camera's raw file, or
            larger than Pillow's limit.
    """
    if path.suffix.lower() in RAW:
        raise _refused(path, "it is a camera's raw file", "develop it to JPEG or TIFF first")
    content = b""
    try:
        content = read_file(path)
        with without_warnings(), opened_image(io.BytesIO(content)) as image:
            return _read(path, image, content)
    except UnidentifiedImageError as error:
        raise _refused(path, *_unidentified(content, error)) from error
    except BROKEN as error:
        raise _refused(path, reason(error), _REPLACE) from error


def _read(path: Path, image: Image.Image, content: bytes) -> Photograph:
    _require_still(path, image)
    written, becomes = written_as(image, content)
    metadata = Metadata.of(image, content, inks=written.inks)
    image.load()
    planes = Planes.of(image, inks=written.inks)
    return Photograph(
        path=path,
        planes=planes.upright(orientation_of(image)),
        metadata=metadata,
        format=written,
        converted=becomes is not None,
        notes=(*(() if becomes is None else (becomes,)), *planes.notes, *written.notes),
    )


def _require_still(path: Path, image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        if has_further_pages(image):
            raise _refused(path, f"it has {frames} pages", "save the page that you want as a file of its own")
    elif frames > 1 and image.format != "MPO":
        raise _refused(path, f"it is animated, {frames} frames", _STILL)


def _refused(path: Path, why: str, hint: str) -> UnreadablePhotograph:
    return UnreadablePhotograph(f"cannot read photograph {path}: {why}", hint=hint)


def _unidentified(content: bytes, error: UnidentifiedImageError) -> tuple[str, str]:
    brand = content[8:12] if content[4:8] == b"ftyp" else b""
    if brand in _HEIC:
        return "it is HEIC, which Pillow does not read", "export it as JPEG: on an iPhone, Settings, Camera, Formats"
    if brand.startswith(b"avi"):
        return "it is AVIF, which this Pillow does not read", "pip install 'pillow>=11.3'"
    return reason(error), _REPLACE
