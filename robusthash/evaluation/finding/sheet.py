"""A contact sheet: each query with its neighbours beside it, as the model is given them."""

import io
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from robusthash.contracts import Images, Inputs, read_pixels
from robusthash.errors import OptionError
from robusthash.evaluation.finding.found import Answer, Found, Neighbour
from robusthash.evaluation.finding.pictures import Pictures
from robusthash.files.paths import read_path
from robusthash.files.storage import write_atomically
from robusthash.results.rendering.escaping import visible

MOST = 50  #: queries on a sheet
ACROSS = 20  #: neighbours of each
_TILE = 128  #: pixels of an item's height and width
_FRAME, _GAP = 3, 10  #: pixels around an item, and between items
_FONT, _LINE = 11, 14  #: pixels of a letter, and of a line of text
_CAPTION = 3  #: lines below an item
_PAPER, _INK, _BLANK = "white", "black", "#dddddd"
_QUERY, _HIT, _MISS, _UNKNOWN = "#1f5fbf", "#2a8f3c", "#c0392b", "#888888"  #: colours of frames
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def sheet_format(path: Path) -> str:
    """The format of a picture, by the suffix of its name.

    Raises:
        OptionError: it is none of those that are written.
    """
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise OptionError(
            f"{path}: the suffix {path.suffix!r} is of no picture that is written",
            hint=f"end the name in {', '.join(_FORMATS)}",
        )
    return found


def write_sheet(found: Found, path: str | PathLike[str]) -> None:
    """Writes a contact sheet of the first queries of a search, with the first neighbours of each.

    The frame of a neighbour is green if it has a label of the query, red if it has none, grey if that is unknown.

    Args:
        found: what was found.
        path: of the picture; an existing one is replaced.

    Raises:
        OptionError: the suffix is unknown.
        DatasetError: an item cannot be read.
        StorageError: the picture cannot be written.
    """
    file = read_path(path, "the picture")
    buffer = io.BytesIO()
    drawn(found).save(buffer, format=sheet_format(file))
    write_atomically(file, buffer.getvalue())


def drawn(found: Found) -> Image.Image:
    """The contact sheet of a search: at most :data:`MOST` queries, and :data:`ACROSS` neighbours of each."""
    answers = found.answers[:MOST]
    across = 1 + min(ACROSS, max(len(answer.neighbours) for answer in answers))
    step, height = _TILE + 2 * _FRAME + _GAP, _TILE + 2 * _FRAME + _CAPTION * _LINE + _GAP
    title = _LINE + _GAP
    sheet = Image.new("RGB", (_GAP + across * step, _GAP + title + len(answers) * height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, _GAP), visible(found.title), _INK, font=_font())
    for row, answer in enumerate(answers):
        top = _GAP + title + row * height
        _place(sheet, (_GAP, top), _tile(found.query_view, row, answer.query), _QUERY, _told_query(answer))
        for near in answer.neighbours[:ACROSS]:
            tile = _tile(found.item_view, near.item, near.name)
            left = _GAP + near.rank * step
            _place(sheet, (left, top), tile, _colour(near), _told(found, near))
    return sheet


def _place(
    sheet: Image.Image, corner: tuple[int, int], tile: Image.Image, colour: str, caption: tuple[str, ...]
) -> None:
    left, top = corner
    pen = ImageDraw.Draw(sheet)
    outer = _TILE + 2 * _FRAME
    pen.rectangle((left, top, left + outer - 1, top + outer - 1), outline=colour, width=_FRAME)
    sheet.paste(tile, (left + _FRAME, top + _FRAME))
    for number, line in enumerate(caption[:_CAPTION]):
        pen.text((left, top + outer + number * _LINE), _cut(line, pen, outer), _INK, font=_font())


def _tile(view: Inputs | None, item: int, name: str) -> Image.Image:
    if isinstance(view, Images):
        pixels = read_pixels(view, [item])[0]
        if not (isinstance(view, Pictures) and item in view.broken):
            return _pixels(pixels)
        view = None  # it was there when it was hashed, and is not any more
    words = view.written([item])[0] if view is not None and view.vocabulary is not None else None
    tile = Image.new("RGB", (_TILE, _TILE), _PAPER if words else _BLANK)
    pen = ImageDraw.Draw(tile)
    for number, line in enumerate(_wrapped(words or name, pen)[: _TILE // _LINE]):
        pen.text((2, number * _LINE), line, _INK, font=_font())
    return tile


def _pixels(image: Tensor) -> Image.Image:
    """An image, (3, h, w) uint8, as a square tile; small ones keep the edges of their pixels."""
    whole = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
    scale = _TILE / max(whole.size)
    size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
    fitted = whole.resize(size, Image.Resampling.NEAREST if scale >= 2 else Image.Resampling.BICUBIC)
    tile = Image.new("RGB", (_TILE, _TILE), _BLANK)
    tile.paste(fitted, ((_TILE - size[0]) // 2, (_TILE - size[1]) // 2))
    return tile


def _colour(near: Neighbour) -> str:
    return _UNKNOWN if near.relevant is None else _HIT if near.relevant else _MISS


def _told_query(answer: Answer) -> tuple[str, ...]:
    return ("query", Path(answer.query).name or answer.query, ", ".join(answer.labels))


def _told(found: Found, near: Neighbour) -> tuple[str, ...]:
    unit = "" if not found.space.binary else " bit" if near.distance == 1 else " bits"
    return (f"{near.rank}: {found.written(near.distance)}{unit}", Path(near.name).name, ", ".join(near.labels))


def _cut(text: str, pen: ImageDraw.ImageDraw, width: int) -> str:
    """A text that fits a width, its end replaced by dots where it is too long."""
    shown = visible(text)
    if pen.textlength(shown, font=_font()) <= width:
        return shown
    while shown and pen.textlength(f"{shown}...", font=_font()) > width:
        shown = shown[:-1]
    return f"{shown}..."


def _wrapped(text: str, pen: ImageDraw.ImageDraw) -> list[str]:
    lines: list[str] = [""]
    for word in visible(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font=_font()) <= _TILE - 4 or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _font() -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    return ImageFont.load_default(_FONT)
