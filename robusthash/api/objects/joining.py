"""Joins parts of other libraries' datasets, such as train and test, to the splits of one."""

import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from robusthash.api import arguments
from robusthash.api.objects.parts import Part, class_numbers
from robusthash.api.objects.pictures import PartImages, levels
from robusthash.contracts import ArrayImages, Dataset, Images, RetrievalData, Split, SplitNames
from robusthash.errors import RobustHashNote, UsageError

_LARGEST = 1 << 30  #: bytes of pixels that are held in memory; more are read again whenever they are used
_USUAL = 224  #: pixels of images that are not square
_SMALL = 64  #: pixels; up to this size the small network is suggested
_SPLITS = 'name the splits: dataset={"train": train, "test": test}, or query, database and train'

AnyDataset = str | Dataset | RetrievalData | Mapping[str, Any]  #: what ``dataset`` may be


def given_data(value: object, image_size: int | None) -> str | Dataset | RetrievalData:
    """A dataset, by name or as an object.

    Args:
        value: a registered name, a dataset, its splits, or a mapping of names of splits, such as ``train`` and
            ``test``, to sequences of items: pairs of picture and label, or mappings with the keys ``image`` and
            ``label``.
        image_size: height and width; None is that of the first picture if it is square, else 224.

    Raises:
        UsageError: it is none of these, or an item is no picture with a label.
    """
    if isinstance(value, str | Dataset | RetrievalData):
        return value
    if isinstance(value, Mapping):
        return _joined(value, image_size)
    if hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(value, list | tuple | bytes):
        raise UsageError(f"dataset is {arguments.told(value)}, and which items are queries is unknown", hint=_SPLITS)
    found: str = arguments.one(value, "dataset", (str, Dataset, RetrievalData, Mapping))
    return found


def _joined(value: Mapping[str, Any], image_size: int | None) -> RetrievalData:
    others = [name for name in value if not isinstance(name, str) or SplitNames.role(name) is None]
    names = SplitNames([] if others else list(value))
    wrong = f"{others[0]} is no split" if others else names.wrong()
    if wrong:
        raise UsageError(f"dataset has the parts {', '.join(map(str, value)) or 'none'}: {wrong}", hint=_SPLITS)
    parts = [Part(name=name, items=items) for name, items in value.items()]
    kind = parts[0].kind
    _require_repeatable(parts)
    size = image_size or _own_size(parts[0])
    told = [names.reading(), None if image_size else f"images are {size}x{size}, as the first one"]
    if any(told):
        warnings.warn(f"{kind}: {'; '.join(one for one in told if one)}", RobustHashNote, stacklevel=2)
    whole = sum(map(len, parts)) * 3 * size * size <= _LARGEST
    found = {part.name: _Read(part, size, in_memory=whole) for part in parts}
    number, classes = _classes(list(found.values()))
    splits: dict[str, Split] = {}
    for split in ("query", "database", "train"):
        own = [found[name] for name in names.names if names.split_of(name) == split]
        own = own or [found[name] for name in names.names if names.split_of(name) == "database"]
        splits[split] = _split(split, own, size, number, len(classes))
    return RetrievalData(
        name=kind,
        classes=classes,
        query=splits["query"],
        database=splits["database"],
        train=splits["train"],
        backbone="small-cnn" if size <= _SMALL else "resnet18",
    )


class _Read:
    """A part that was read once: its labels, and its pixels if they are held in memory."""

    def __init__(self, part: Part, size: int, *, in_memory: bool) -> None:
        self.part = part
        self.labels: list[tuple[int | str, ...]] = []
        images = PartImages([part], size)
        self.pixels = torch.empty((len(part) if in_memory else 0, 3, size, size), dtype=torch.uint8)
        for index in range(len(part)):
            picture, label = part.item(index)
            self.labels.append(class_numbers(label, part, index))
            if in_memory:
                self.pixels[index] = images.fitted(picture, part.place(index))


def _split(name: str, found: Sequence[_Read], size: int, number: Mapping[int | str, int], classes: int) -> Split:
    rows = [labels for one in found for labels in one.labels]
    table = torch.zeros((len(rows), classes), dtype=torch.uint8)
    for row, labels in enumerate(rows):
        table[row, [number[label] for label in labels]] = 1
    images: Images = PartImages([one.part for one in found], size)
    if all(len(one.pixels) for one in found):
        images = ArrayImages(torch.cat([one.pixels for one in found]))
        images.resize = size
    ids = tuple(f"{one.part.name} {index}" for one in found for index in range(len(one.part)))
    return Split.of_images(name=name, images=images, labels=table, ids=ids)


def _classes(found: Sequence[_Read]) -> tuple[dict[int | str, int], tuple[str, ...]]:
    """The column of each class, by its number or name; and the names of the columns.

    Raises:
        UsageError: the parts name different classes, or a number is beyond the names.
    """
    named = {one.part.name: one.part.classes for one in found if one.part.classes is not None}
    if len(set(named.values())) > 1:
        raise UsageError(f"{' and '.join(named)} have different classes", hint="pass parts of one dataset")
    values = {label for one in found for labels in one.labels for label in labels}
    if len({isinstance(value, str) for value in values}) > 1:
        raise UsageError("labels are numbers in one part, and names in another", hint="pass parts of one dataset")
    known = next(iter(named.values()), None)
    if known is not None and values and not any(isinstance(value, str) for value in values):
        wrong = next((value for value in sorted(values) if not 0 <= int(value) < len(known)), None)
        if wrong is not None:
            raise UsageError(f"label {wrong}, and there are {len(known)} classes", hint="labels are 0 to classes - 1")
        return {column: column for column in range(len(known))}, known
    ordered = sorted(values)
    return {value: column for column, value in enumerate(ordered)}, tuple(map(str, ordered))


def _own_size(part: Part) -> int:
    height, width = levels(part.item(0)[0], part.place(0)).shape[1:]
    return height if height == width else _USUAL


def _require_repeatable(parts: Sequence[Part]) -> None:
    """Refuses random transforms: an image that is another one whenever it is read has no code of its own."""
    for part in parts:
        found = []
        for seed in range(2):
            with _seeded(seed):
                found.append(levels(part.item(0)[0], part.place(0)))
        if found[0].shape != found[1].shape or not torch.equal(found[0], found[1]):
            raise UsageError(
                f"{part.place(0)} is another picture whenever it is read",
                hint="leave random transforms out: trainings augment images themselves",
            )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds every generator that transforms draw from, and restores all of them."""
    python, array = random.getstate(), np.random.get_state()  # noqa: NPY002 - what others use
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            yield
    finally:
        random.setstate(python)
        np.random.set_state(array)  # noqa: NPY002
