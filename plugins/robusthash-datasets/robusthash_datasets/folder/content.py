"""What a layout of the user's images comes to: items with labels, and what there is to say about how they were read."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from robusthash_datasets.lists.files import Fault

SPLITS = ("query", "database", "train")

_SHOWN = 4  #: names that a note quotes


@dataclass(frozen=True, kw_only=True)
class Item:
    """One image.

    Attributes:
        name: permanent name: the path relative to the folder, or the position in an array.
        labels: numbers of its classes.
        split: ``query``, ``database`` or ``train``; None if it is to be drawn.
        place: file and line that name it, for errors; None for a file in a class folder.
        row: position in the content's pixels; unused for files.
    """

    name: str
    labels: tuple[int, ...]
    split: str | None
    place: str | None = None
    row: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """What was read.

    Attributes:
        classes: label names.
        items: all images.
        faults: bad lines, which have no image here.
        notes: what to tell the user of how it was read, in sentences without a full stop.
        pixels: (n, 3, h, w) uint8, of images in arrays; None for files.
    """

    classes: tuple[str, ...]
    items: tuple[Item, ...]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    pixels: torch.Tensor | None = None


def normal(name: str) -> str:
    """A class name in one Unicode form: the same letters are one name, however a file system wrote them."""
    return unicodedata.normalize("NFC", name)


def alike(names: Iterable[str]) -> list[str]:
    """Notes on class names that differ only in how they are written.

    >>> alike(["Cat", "cat", "dog"])
    ["'Cat' and 'cat' are two classes: make them one name if they are one"]
    """
    written, notes = defaultdict(set), []
    for name in names:
        written[normal(name)].add(name)
    folded = defaultdict(list)
    for name in sorted(written):
        folded[name.casefold()].append(name)
    notes += [
        f"{' and '.join(map(repr, each))} are two classes: make them one name if they are one"
        for each in folded.values()
        if len(each) > 1
    ]
    twice = sorted(name for name, forms in written.items() if len(forms) > 1)
    if twice:
        notes.append(f"{shown(twice)}: written in two Unicode forms, and read as one class")
    return notes


def shown(names: Sequence[str]) -> str:
    """The first few names.

    >>> shown(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
