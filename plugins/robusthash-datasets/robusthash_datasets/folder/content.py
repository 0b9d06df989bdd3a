"""What a layout of the user's images comes to: items with labels, and what there is to say about how they were read."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from robusthash_datasets.lists.files import Fault

SPLITS = ("query", "database", "train")

#: What folders, tables and arrays of splits are called, besides the names of the splits themselves.
_KINDS = {
    **dict.fromkeys(("query", "queries"), "query"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("database", "gallery"), "database"),
    **dict.fromkeys(("train", "training"), "train"),
}
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


def role(name: str) -> str | None:
    """The split that a folder, table or array of this name is; None if it is the name of something else.

    >>> role("Test"), role("database"), role("cat")
    ('query', 'database', None)
    """
    kind = _KINDS.get(name.casefold())
    return "query" if kind in {"test", "val"} else kind


def clash(names: Iterable[str]) -> str | None:
    """What is wrong with names of splits, all of which have a role; None if nothing is.

    >>> clash(["train", "val", "test"]), clash(["train"]), clash(["query", "test", "database"])
    (None, 'no queries: query, test or val', 'query and test would both be the queries')
    """
    first: dict[str, str] = {}
    for name in names:
        kind = _KINDS[name.casefold()]
        if kind in first:
            return f"{first[kind]} and {name} would both be the {kind} split"
        first[kind] = name
    other = first.get("test", first.get("val"))
    if "query" in first and other:
        return f"{first['query']} and {other} would both be the queries"
    if not other and "query" not in first:
        return "no queries: query, test or val"
    if not {"database", "train"} & first.keys():
        return "nothing to search: database or train"
    return None


def split_of(name: str, names: Iterable[str]) -> str:
    """The split of the items under a name, among all names: what is trained on is the database if there is no other.

    >>> split_of("train", ["train", "val"]), split_of("train", ["train", "database", "test"])
    ('database', 'train')
    """
    own = role(name)
    assert own is not None  # noqa: S101 - the caller asks for names of splits alone
    return "database" if own == "train" and "database" not in map(role, names) else own


def reading(names: Sequence[str]) -> str | None:
    """How splits of these names are read, in words; None if it is what their names say.

    >>> reading(["train", "val"]), reading(["query", "database", "train"])
    ('train is the database and the train split; val is the queries', None)
    """
    if set(names) <= set(SPLITS) and "database" in names:
        return None
    parts = {split: [name for name in names if role(name) == split] for split in ("train", "database", "query")}
    both = "the database and the train split"
    told = {
        "query": "the queries",
        "database": "the database" if parts["train"] else both,
        "train": "the train split" if parts["database"] else both,
    }
    return "; ".join(
        f"{' and '.join(own)} {'is' if len(own) == 1 else 'are'} {told[split]}" for split, own in parts.items() if own
    )


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
