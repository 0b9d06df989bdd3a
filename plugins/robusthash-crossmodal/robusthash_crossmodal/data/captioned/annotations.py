"""JSON files of captions: COCO's own, and Karpathy's of COCO, Flickr8k and Flickr30k."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from robusthash.errors import DatasetError
from robusthash.files.documents import parse_json
from robusthash.files.opening import read_file, there
from robusthash_crossmodal.data.captioned.content import FOLDERS, Content, Item, by_role, matching, placed

File = TypeVar("File")


@dataclass
class _Image:
    id: int
    file_name: str


@dataclass
class _Caption:
    image_id: int
    caption: str


@dataclass
class _Captions:
    images: list[_Image]
    annotations: list[_Caption]


@dataclass
class _Instance:
    image_id: int
    category_id: int


@dataclass
class _Category:
    id: int
    name: str


@dataclass
class _Instances:
    annotations: list[_Instance]
    categories: list[_Category]


@dataclass
class _Sentence:
    raw: str


@dataclass
class _Described:
    filename: str
    sentences: list[_Sentence]
    split: str | None = None
    filepath: str = ""
    labels: list[str] | None = field(default=None)  # not Karpathy's; for those who add them


@dataclass
class _Karpathy:
    images: list[_Described]


def read_coco(root: Path) -> Content | None:
    """``captions_*.json`` in the folder or in ``annotations``; ``instances_*.json`` beside each has its labels.

    With files of train and of val, those of val are queries, as papers have it; one file alone has no splits.

    Raises:
        DatasetError: a file cannot be read, or is something else.
    """
    files = matching(root, "captions_*.json") or matching(root, "annotations/captions_*.json")
    if not files:
        return None
    splits = ["query" if "val" in file.stem or "test" in file.stem else "train" for file in files]
    several = len(set(splits)) > 1
    items, classes = [], None
    for file, split in zip(files, splits, strict=True):
        found, names = _coco(root, file)
        items += [(split if several else None, item) for item in found]
        classes = names if classes is None else classes
    content = by_role(files[0], items)
    return Content(where=content.where, splits=content.splits, classes=classes or ())


def _coco(root: Path, file: Path) -> tuple[list[Item], tuple[str, ...]]:
    content = _read(
        file, _Captions, 'as COCO\'s: "images" with id and file_name, "annotations" with image_id and caption'
    )
    captions: dict[int, list[str]] = {}
    for one in content.annotations:
        captions.setdefault(one.image_id, []).append(one.caption)
    described = [image for image in content.images if image.id in captions]  # one without a caption has no text
    part = file.stem.removeprefix("captions_")
    folder = placed(root, [image.file_name for image in described], (*FOLDERS, part, f"images/{part}"))
    beside = file.with_name(f"instances_{part}.json")
    labels: dict[int, dict[str, None]] | None = None
    names: tuple[str, ...] = ()
    if there(beside):
        instances = _read(
            beside, _Instances, 'as COCO\'s: "categories" with id and name, "annotations" with image_id and category_id'
        )
        known = {category.id: category.name for category in instances.categories}
        names = tuple(known.values())
        labels = {}
        for instance in instances.annotations:
            if instance.category_id not in known:
                raise DatasetError(f"{beside}: no category {instance.category_id}", hint="copy the file again")
            labels.setdefault(instance.image_id, {})[known[instance.category_id]] = None
    return [
        Item(
            image=folder + image.file_name,
            captions=tuple(captions[image.id]),
            labels=None if labels is None else tuple(labels.get(image.id, ())),
        )
        for image in described
    ], names


def read_karpathy(root: Path) -> Content | None:
    """``dataset*.json``: images with ``filename``, ``split`` and ``sentences``; ``labels`` may be added to each.

    Raises:
        DatasetError: it cannot be read, or is something else.
    """
    files = matching(root, "dataset*.json")
    if not files:
        return None
    images = _read(files[0], _Karpathy, 'as Karpathy\'s: "images" with filename, split, and sentences with raw').images
    folder = placed(root, [f"{one.filepath}/{one.filename}".lstrip("/") for one in images])
    return by_role(
        files[0],
        (
            (
                one.split,
                Item(
                    image=folder + f"{one.filepath}/{one.filename}".lstrip("/"),
                    captions=tuple(sentence.raw for sentence in one.sentences),
                    labels=None if one.labels is None else tuple(dict.fromkeys(one.labels)),
                ),
            )
            for one in images
        ),
    )


def _read(file: Path, kind: type[File], hint: str) -> File:
    try:
        return parse_json(read_file(file), kind)
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {file}: {error}", hint=hint) from error
