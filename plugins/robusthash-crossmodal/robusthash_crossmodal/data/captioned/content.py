"""What a layout has: items with an image, a text, and perhaps labels and a split."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import DatasetError
from robusthash.files.opening import read_file, there

PICTURE = """one of these under --data-root:
  captions.csv                     image,caption,labels   a line an item: dogs/1.jpg,"A dog runs.",dog;grass
  captions_*.json                  as of COCO; instances_*.json beside it has the labels
  dataset*.json                    Karpathy's, with filename, split and sentences of each image
  *.token.txt                      1.jpg#0 A dog runs.   and Flickr_8k.trainImages.txt and .testImages.txt
  CLASS/1.jpg with CLASS/1.txt     or query/CLASS/1.jpg with query/CLASS/1.txt, database/CLASS/...
  cm_test_imgs.txt, _txts, _labels a line an item, and so for database and train
Images are there, or in images/, Images/, or a folder that a layout names"""

#: What layouts call a split, by what it is here. Items that validate are left out.
ROLES: Mapping[str, str | None] = {
    **dict.fromkeys(("query", "test"), "query"),
    **dict.fromkeys(("database", "retrieval", "gallery"), "database"),
    **dict.fromkeys(("train", "restval"), "train"),
    **dict.fromkeys(("val", "validation", "dev"), None),
}
FOLDERS = ("", "images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images")


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image with its text.

    Attributes:
        image: path of the image, relative to the folder.
        captions: its captions.
        labels: their names; None if the layout has none.
    """

    image: str
    captions: tuple[str, ...]
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Content:
    """The items of a layout.

    Attributes:
        where: the file or folder that names them, for errors.
        splits: items by split, query, database and train; without splits, all of them are under an empty name.
        classes: names of the labels in their order; empty if that is to be the alphabet's.
    """

    where: Path
    splits: Mapping[str, tuple[Item, ...]]
    classes: tuple[str, ...] = ()


Reader = Callable[[Path], Content | None]  #: from the folder to its content; None if it has another layout


def by_role(where: Path, items: Iterable[tuple[str | None, Item]]) -> Content:
    """Content of items with the names of their splits; None is no split.

    Raises:
        DatasetError: a split is unknown, or some items have one and others have none.
    """
    splits: dict[str, list[Item]] = {}
    for split, item in items:
        if split is not None and split not in ROLES:
            raise DatasetError(
                f"{where}: {item.image} is in split {split!r}", hint=f"write one of {', '.join(sorted(ROLES))}"
            )
        role = "" if split is None else ROLES[split]
        if role is not None:
            splits.setdefault(role, []).append(item)
    if "" in splits and len(splits) > 1:
        raise DatasetError(
            f"{where}: {splits[''][0].image} is in no split, and others are", hint="name the split of all items or none"
        )
    return Content(where=where, splits={name: tuple(found) for name, found in splits.items()})


def placed(root: Path, names: Sequence[str], folders: Sequence[str] = FOLDERS) -> str:
    """The folder of some images, relative to the root, with a slash; that of the first image that is found."""
    for folder in folders:
        if names and there(root / folder / names[0]):
            return f"{folder}/" if folder else ""
    return ""


def read_text(file: Path, hint: str = PICTURE) -> str:
    """A text file of a layout.

    Raises:
        DatasetError: it is missing, cannot be read, or is not UTF-8.
    """
    try:
        return read_file(file).decode("utf-8-sig")
    except FileNotFoundError:
        raise DatasetError(f"no {file}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {file}: {error}", hint="save it as UTF-8 text") from error


def matching(root: Path, pattern: str) -> list[Path]:
    """Files of the folder itself with such a name, sorted."""
    try:
        return sorted(root.glob(pattern))
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {root}: {error}", hint="name a folder with --data-root") from error
