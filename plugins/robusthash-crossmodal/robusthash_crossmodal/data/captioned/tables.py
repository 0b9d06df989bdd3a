"""Text files with a caption on each line: tables of comma-separated values, and Flickr's token files."""

import csv
import io
import re
from pathlib import Path

from robusthash.errors import DatasetError
from robusthash.files.opening import there
from robusthash_crossmodal.data.captioned.content import Content, Item, by_role, matching, placed, read_text

_TABLES = ("captions.csv", "captions.txt")  #: the second as Flickr8k is passed around
_HINT = "the first line is image,caption, and labels and split if there are; cells with commas stand in quotes"
_FLICKR = ("Flickr_8k.{}Images.txt", "flickr30k_{}.txt", "{}.txt")  #: lists of a split's images


def read_table(root: Path) -> Content | None:
    """``captions.csv``: an image with several captions has several lines, with labels and split on any of them.

    Raises:
        DatasetError: it cannot be read, or its first line does not name the columns.
    """
    file = next((root / name for name in _TABLES if there(root / name)), None)
    if file is None:
        return None
    reader = csv.reader(io.StringIO(read_text(file), newline=""))
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except csv.Error as error:
        raise DatasetError(f"{file}:{reader.line_num}: {error}", hint=_HINT) from error
    header = [name.lower() for name in rows[0][1]] if rows else []
    if len(rows) < 2 or not {"image", "caption"} <= set(header) <= {"image", "caption", "labels", "split"}:
        raise DatasetError(f"{file}:1: the columns are {', '.join(header) or 'none'}", hint=_HINT)
    captions: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    splits: dict[str, str] = {}
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise DatasetError(f"{file}:{line}: {len(cells)} cells, not {len(header)} as in line 1", hint=_HINT)
        row = dict(zip(header, cells, strict=True))
        captions.setdefault(row["image"], []).append(row["caption"])
        labels.setdefault(row["image"], []).extend(filter(None, map(str.strip, row.get("labels", "").split(";"))))
        if row.get("split"):
            splits[row["image"]] = row["split"]
    folder = placed(root, list(captions))
    known = "labels" in header
    items = (
        (
            splits.get(name),
            Item(
                image=folder + name,
                captions=tuple(found),
                labels=tuple(dict.fromkeys(labels[name])) if known else None,
            ),
        )
        for name, found in captions.items()
    )
    return by_role(file, items)


def read_tokens(root: Path) -> Content | None:
    """``Flickr8k.token.txt``: on each line the name of an image, a number of the caption, and the caption.

    The lists of the splits' images are beside it, or there are no splits.

    Raises:
        DatasetError: a line is something else.
    """
    files = [file for pattern in ("*.token", "*.token.txt", "*.lemma.token.txt") for file in matching(root, pattern)]
    if not files:
        return None
    file = files[0]
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        found = re.fullmatch(r"(.+?)#\d+\s+(.*)", line)
        if found is None:
            raise DatasetError(
                f"{file}:{number}: {line[:40]!r} is no caption", hint="as in 1000268201.jpg#0, a tab, and the caption"
            )
        captions.setdefault(found[1], []).append(found[2])
    lists = {
        split: root / name.format(split)
        for split in ("train", "dev", "test")
        for name in _FLICKR
        if there(root / name.format(split))
    }
    roles = {name.strip(): split for split, listed in lists.items() for name in read_text(listed).split()}
    folder = placed(root, list(captions))
    # With lists, an image that is in none of them is left out, as in Flickr8k's own.
    return by_role(
        file,
        (
            (roles[name] if lists else None, Item(image=folder + name, captions=tuple(found)))
            for name, found in captions.items()
            if name in roles or not lists
        ),
    )
