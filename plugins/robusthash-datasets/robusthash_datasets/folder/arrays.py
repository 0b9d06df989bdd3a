"""Arrays of images and labels: an npz archive, or npy files in one folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import SplitNames
from robusthash.errors import DatasetError
from robusthash.files.archives import array_names, read_array, read_arrays
from robusthash_datasets.folder.content import Content, Item
from robusthash_datasets.folder.sketches import EXPECTED
from robusthash_datasets.images.memory import zeros_and_ones

ARRAYS = (".npz", ".npy")
_KINDS = {
    "images": frozenset({"x", "images", "image", "imgs", "data", "pixels"}),
    "labels": frozenset({"y", "labels", "label", "targets"}),
}
_NAMES = ("classes", "class_names", "label_names", "names")
_HINT = "save images as (n, h, w, 3) uint8, and labels as (n,) class numbers or (n, classes) zeros and ones"

_Read = Callable[[str], np.ndarray]
_Given = Mapping[str | None, tuple[np.ndarray, str]]  #: an array of labels and its place, by split
_Labels = tuple[tuple[str, ...], dict[str | None, list[tuple[int, ...]]]]  #: classes, and the numbers of each item


def read_archive(file: Path) -> Content:
    """The items of an npz archive.

    Args:
        file: with ``images`` and ``labels``, or with two arrays for each split, such as ``x_train`` and ``y_train``.

    Raises:
        DatasetError: it cannot be read, or its arrays are not images and labels.
    """
    if file.suffix.lower() == ".npy":
        raise DatasetError(
            f"{file} is one array, and labels are missing",
            hint="name the folder with images.npy and labels.npy, or an npz archive of both",
            sketch=EXPECTED,
        )
    names = array_names(file, hint=_HINT)
    return _content(file, names, lambda name: read_arrays(file, [name], hint=_HINT)[name])


def read_npy(folder: Path, names: Sequence[str]) -> Content:
    """The items of npy files.

    Args:
        folder: of the files.
        names: of the files.

    Raises:
        DatasetError: as for :func:`read_archive`.
    """
    files = {Path(name).stem: folder / name for name in names}
    return _content(folder, list(files), lambda name: read_array(files[name], hint=_HINT))


def _content(place: Path, names: Sequence[str], read: _Read) -> Content:
    pairs, notes = _pairs(place, names), []
    left = [name for name in names if name not in {one for pair in pairs.values() for one in pair}]
    named = [name for name in left if name.casefold() in _NAMES]
    classes = None
    if named:
        classes = tuple(map(str, read(named[0]).tolist()))
        left.remove(named[0])
    if left:
        notes.append(f"arrays of {place.name} that are not read: {', '.join(left)}")
    splits = SplitNames([split for split in pairs if split is not None])
    if splits.names and (told := splits.reading()):
        notes.append(told)
    pixels = [_pixels(read(images), f"{images} in {place}") for images, _ in pairs.values()]
    if len({part.shape[1:] for part in pixels}) > 1:
        raise DatasetError(f"the images in {place} have several sizes", hint="resize all arrays to one size")
    counts = {split: len(part) for split, part in zip(pairs, pixels, strict=True)}
    given = {split: (read(labels), f"{labels} in {place}") for split, (_, labels) in pairs.items()}
    known, rows = _labels(given, counts, classes)
    items: list[Item] = []
    for split, labels in rows.items():
        start = len(items)
        items += [
            Item(
                name=f"{split or 'image'} {position}" if split else f"{position:08d}",
                labels=own,
                split=splits.split_of(split) if split else None,
                place=f"{place}, item {position}" + (f" of {split}" if split else ""),
                row=start + position,
            )
            for position, own in enumerate(labels)
        ]
    return Content(classes=known, items=tuple(items), notes=tuple(notes), pixels=torch.cat(pixels))


def _pairs(place: Path, names: Sequence[str]) -> dict[str | None, tuple[str, str]]:
    """The names of images and labels by split; of all items by None."""
    found: dict[str | None, dict[str, str]] = {}
    for name in names:
        words = [word for word in name.casefold().split("_") if word]
        kinds = [kind for kind, usual in _KINDS.items() if not usual.isdisjoint(words)]
        splits = [word for word in words if SplitNames.role(word)]
        if len(kinds) == 1 and len(splits) <= 1 and len(words) == 1 + len(splits):
            own = found.setdefault(splits[0] if splits else None, {})
            if kinds[0] in own:
                raise _refused(place, names, f"{own[kinds[0]]} and {name} could both be the {kinds[0]}")
            own[kinds[0]] = name
    whole = {split: (own["images"], own["labels"]) for split, own in found.items() if len(own) == 2}
    half = [next(iter(own.values())) for own in found.values() if len(own) == 1]
    if half and whole:
        raise _refused(place, names, f"{half[0]} has no counterpart")
    if not whole or (None in whole and len(whole) > 1):
        raise _refused(place, names, "they are not images and labels")
    wrong = None if None in whole else SplitNames([split for split in whole if split is not None]).wrong()
    if wrong:
        raise _refused(place, names, wrong)
    return whole


def _pixels(array: np.ndarray, name: str) -> Tensor:
    """(n, 3, h, w) uint8."""
    if array.dtype != np.uint8:
        why = "multiply by 255, round, and save as uint8" if array.dtype.kind == "f" else "save as uint8"
        raise DatasetError(f"{name} is {array.dtype} {array.shape}, not levels from 0 to 255", hint=why)
    if array.ndim == 3:
        array = array[..., None]
    channels = array.shape[-1] if array.ndim == 4 else 0
    if array.ndim == 4 and channels not in {1, 3} and array.shape[1] in {1, 3}:
        array, channels = array.transpose(0, 2, 3, 1), array.shape[1]
    if channels not in {1, 3} or not array.size:
        raise DatasetError(f"{name} has shape {array.shape}, not (n, h, w, 3) or (n, h, w)", hint=_HINT)
    moved = torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
    return moved.expand(-1, 3, -1, -1).contiguous()


def _labels(given: _Given, counts: Mapping[str | None, int], classes: tuple[str, ...] | None) -> _Labels:
    """Names of the classes, and class numbers of each item."""
    columns = {split: array[:, 0] if array.shape[1:] == (1,) else array for split, (array, _) in given.items()}
    first = next(iter(given.values()))[1]
    for split, array in columns.items():
        if len(array) != counts[split] or array.ndim not in {1, 2}:
            raise DatasetError(f"{given[split][1]} has shape {array.shape}, for {counts[split]} images", hint=_HINT)
        if array.dtype.kind not in "buiUS" and array.ndim == 1:
            raise DatasetError(f"{given[split][1]} is {array.dtype}, not class numbers or names", hint=_HINT)
    if len({array.ndim for array in columns.values()}) > 1:
        raise DatasetError(f"labels are numbers in one split, and rows in another: {first}", hint=_HINT)
    if next(iter(columns.values())).ndim == 2:
        return _multi_hot(given, classes)
    values = sorted({value for array in columns.values() for value in array.tolist()})
    whole = isinstance(values[0], int) and not isinstance(values[0], bool)
    if whole and classes is not None:
        if not 0 <= values[0] <= values[-1] < len(classes):
            found = f"{first}: labels are {values[0]} to {values[-1]}"
            raise DatasetError(f"{found}, and there are {len(classes)} class names", hint=_HINT)
        values = list(range(len(classes)))
    number = {value: i for i, value in enumerate(values)}
    known = classes if whole and classes is not None else tuple(_text(value) for value in values)
    return known, {split: [(number[value],) for value in array.tolist()] for split, array in columns.items()}


def _multi_hot(given: _Given, classes: tuple[str, ...] | None) -> _Labels:
    rows = {split: zeros_and_ones(array, name, hint=_HINT) for split, (array, name) in given.items()}
    widths = {array.shape[1] for array in rows.values()} | ({len(classes)} if classes is not None else set())
    if len(widths) > 1:
        counts = " and ".join(map(str, sorted(widths)))
        raise DatasetError(f"labels or class names have {counts} columns: {next(iter(given.values()))[1]}", hint=_HINT)
    known = classes or tuple(f"label {column}" for column in range(widths.pop()))
    return known, {split: [tuple(np.flatnonzero(row).tolist()) for row in array] for split, array in rows.items()}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _refused(place: Path, names: Sequence[str], why: str) -> DatasetError:
    return DatasetError(f"{place} has the arrays {', '.join(names) or 'none'}: {why}", hint=_HINT, sketch=EXPECTED)
