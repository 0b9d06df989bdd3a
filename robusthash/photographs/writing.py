"""Writes a photograph with other pixels as its file was, and compresses one as a service does."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from robusthash.errors import StorageError
from robusthash.files.storage import write_atomically
from robusthash.photographs.decoding import BROKEN, reason
from robusthash.photographs.formats.jpeg import recompressed
from robusthash.photographs.naming import delivered_name, require_other_folder
from robusthash.photographs.orientation import as_stored
from robusthash.photographs.photograph import Photograph

__all__ = ["Written", "recompress", "write_photograph"]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that was written."""

    path: Path
    notes: tuple[str, ...]  #: in what it is not what its source is, besides the pixels, one line each


def write_photograph(
    photograph: Photograph, pixels: np.ndarray, folder: Path, *, keep_location: bool = False
) -> Written:
    """Writes a photograph with other pixels: at the original's size, in its orientation, mode and format.

    The file is written whole or not at all. One of its name that is in the folder already is replaced.

    Args:
        photograph: as it was opened.
        pixels: (h, w, 3) uint8 RGB, upright.
        folder: where to; it is made. Its photographs are named by :func:`delivered_name`.
        keep_location: whether the place where it was taken stays in the file.

    Raises:
        UsageError: the folder is the photograph's own.
        StorageError: it cannot be encoded or written.
        ValueError: the pixels are of another shape or type.
    """
    if pixels.shape != photograph.pixels.shape or pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 {photograph.pixels.shape}")
    require_other_folder(photograph.path.parent, folder)
    metadata, left_out = photograph.metadata.delivered(keep_location=keep_location, room=photograph.format.room)
    stored = as_stored(photograph.planes.with_rgb(pixels), metadata.orientation)
    name = delivered_name(photograph.path, photograph.format.suffix if photograph.converted else None)
    path = folder / name
    try:
        content = photograph.format.encoded(_image(stored, cmyk=photograph.planes.inks is not None), metadata)
    except BROKEN as error:
        raise StorageError(
            f"cannot encode {path}: {reason(error)}", hint="convert the photograph to PNG, and take that"
        ) from error
    write_atomically(path, content)
    return Written(path=path, notes=(*photograph.notes, *left_out))


def recompress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """What a service that stores JPEG makes of a picture: 4:2:0, as is usual.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        quality: from 1 to 100, by the scale of libjpeg.

    Returns:
        (h, w, 3) uint8.
    """
    content = recompressed(Image.fromarray(np.ascontiguousarray(pixels)), quality)
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image)


def _image(pixels: np.ndarray, *, cmyk: bool) -> Image.Image:
    whole = np.ascontiguousarray(pixels)
    # Four channels are RGBA to fromarray.
    height, width = whole.shape[:2]
    return Image.frombuffer("CMYK", (width, height), whole, "raw", "CMYK", 0, 1) if cmyk else Image.fromarray(whole)
