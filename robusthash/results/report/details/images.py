"""Pictures as small data URIs: no file beside the report, and nothing to fetch."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_LARGEST = 128  #: pixels; larger pictures are reduced to this
_THUMBNAIL = 48
_EXACT = 48  #: pictures up to this size are kept without loss, and enlarged by the page
_QUALITY = 80
_GREY = 128
_HEAT = np.array([[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]], np.float64)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of a page.

    Attributes:
        uri: the whole picture.
        alt: what is on it, in words.
        tiny: whether the page enlarges it, and shows its pixels as squares.
    """

    uri: str
    alt: str
    tiny: bool


def picture(image: Pixels, alt: str, *, thumbnail: bool = False) -> Picture:
    """A picture.

    Args:
        image: (h, w, 3) uint8.
        alt: what is on it.
        thumbnail: whether it is shown small.
    """
    from PIL import Image

    most = _THUMBNAIL if thumbnail else _LARGEST
    drawn = Image.fromarray(image)
    if max(drawn.size) > most:
        drawn.thumbnail((most, most), Image.Resampling.LANCZOS)
    tiny = max(drawn.size) <= _EXACT and not (thumbnail and max(image.shape[:2]) > most)
    buffer = io.BytesIO()
    drawn.save(buffer, "WEBP", **({"lossless": True} if tiny else {"quality": _QUALITY}))
    uri = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Picture(uri=uri, alt=alt, tiny=tiny)


def difference(clean: Pixels, adversarial: Pixels) -> tuple[Pixels, float]:
    """The difference on grey, magnified as far as nothing is clipped; and by how much.

    Args:
        clean: (h, w, 3) uint8.
        adversarial: of the same shape.
    """
    change = adversarial.astype(np.int16) - clean
    largest = int(np.abs(change).max(initial=0))
    factor = (_GREY - 1) / largest if largest else 1.0
    return (_GREY + change * factor).round().clip(0, 255).astype(np.uint8), factor


def overlay(image: Pixels, heat: Pixels) -> Pixels:
    """An image in grey, with a heat map over it that gets lighter, not only another colour, where it is hotter.

    Args:
        image: (h, w, 3) uint8.
        heat: (h', w') uint8.
    """
    from PIL import Image

    size = (image.shape[1], image.shape[0])
    hot: Any = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR), np.float64) / 255
    at = hot * (len(_HEAT) - 1)
    low = np.minimum(at.astype(int), len(_HEAT) - 2)
    colours = _HEAT[low] + (at - low)[..., None] * (_HEAT[low + 1] - _HEAT[low])
    grey = image.mean(2, keepdims=True)
    return np.asarray((0.45 * grey + 0.55 * colours).round().clip(0, 255), np.uint8)
