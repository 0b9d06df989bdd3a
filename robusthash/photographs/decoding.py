"""Decodes images that strangers made to 8-bit RGB: the one way in which pixels come from a file."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

__all__ = ["BROKEN", "grey_of_16_bits", "opened_image", "reason", "rgb_levels", "without_warnings"]

#: What decoders raise for files that are damaged or not images; that of AVIF raises RuntimeError.
BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, MemoryError, RuntimeError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
_PROGRAMS = frozenset({"EPS"})  #: formats that Pillow hands to another program, such as Ghostscript
_SLIMMEST = 64  #: largest ratio of the sides: a slimmer image is not a photograph, and resized it would fill the memory


@contextmanager
def opened_image(file: IO[bytes]) -> Iterator[Image.Image]:
    """Opens an image without decoding it.

    Args:
        file: at its start; it stays open.

    Raises:
        UnidentifiedImageError: it is not an image, or damaged from the start.
        ValueError: it is empty, a program, or so slim that it is no photograph.
        Exception: another of :data:`BROKEN`.
    """
    if not file.read(1):
        raise ValueError("it is empty")
    file.seek(0)
    with Image.open(file) as image:
        if image.format in _PROGRAMS:
            raise ValueError(f"{image.format} is a program to be run, not an image")
        if max(image.size) > _SLIMMEST * min(image.size):
            raise ValueError(f"its {image.width}x{image.height} pixels are not a photograph")
        yield image


def rgb_levels(image: Image.Image) -> np.ndarray:
    """The pixels as they are stored, in RGB, by Pillow's ``convert`` as in the published loaders.

    Grey and CMYK are converted, a palette is looked up, an alpha channel is dropped. 16-bit grey keeps its upper 8
    bits, as 16-bit RGB does when Pillow reads it. Colour profiles are not applied.

    Args:
        image: opened; it is decoded here.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: the pixels have no known range.
        Exception: another of :data:`BROKEN`.
    """
    if (grey := grey_of_16_bits(image)) is not None:
        return np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode in {"I", "F"}:
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))


def grey_of_16_bits(image: Image.Image) -> np.ndarray | None:
    """16-bit grey, (h, w) uint16 in this machine's byte order; None for every other image."""
    # Pillow's own conversion would clip at 255, and older versions open such a PNG with 32 bits a pixel.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return np.asarray(image).astype(np.uint16)
    return None


def reason(error: Exception) -> str:
    """Why a file cannot be read, in a few words.

    Args:
        error: one of :data:`BROKEN`.
    """
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image, or damaged from the start"
    said = error.strerror if isinstance(error, OSError) else None
    return " ".join((said or str(error)).split()) or type(error).__name__


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silences what Pillow says of damaged metadata and of large images below its limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
