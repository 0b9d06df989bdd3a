"""Folders of images with a text file beside each."""

import os
from collections.abc import Iterator
from pathlib import Path

from robusthash.errors import DatasetError
from robusthash_crossmodal.data.captioned.content import ROLES, Content, Item, by_role, read_text

_DEEPEST = 2  #: folders above an image: a split and a class
_KINDS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


def read_beside(root: Path) -> Content | None:
    """``CLASS/1.jpg`` with ``CLASS/1.txt``, or with ``query`` and ``database`` above the classes.

    A text is all lines of its file; the class is the folder's name, and an image in no folder has none.

    Raises:
        DatasetError: some images have a text beside them, and others have none.
    """
    images = list(_images(root))
    described = [image for image in images if (root / image).with_suffix(".txt").is_file()]
    if not described:
        return None
    if len(described) < len(images):
        lonely = sorted(set(images) - set(described))
        raise DatasetError(
            f"{len(lonely)} of {len(images)} images in {root} have no text beside them, such as {lonely[0]}",
            hint=f"write its caption into {Path(lonely[0]).with_suffix('.txt')}, or move it elsewhere",
        )
    return by_role(root, (_item(root, image) for image in described))


def _item(root: Path, image: str) -> tuple[str | None, Item]:
    *folders, _ = Path(image).parts
    split = folders[0] if folders and folders[0] in ROLES else None
    classes = folders[0 if split is None else 1 :]
    captions = tuple(read_text((root / image).with_suffix(".txt")).splitlines())
    return split, Item(image=image, captions=captions, labels=tuple(classes[:1]) or None)


def _images(root: Path) -> Iterator[str]:
    """Relative paths of the images, sorted; links to folders are not followed."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        if len(Path(folder).relative_to(root).parts) == _DEEPEST:
            folders.clear()
        for name in sorted(files):
            if Path(name).suffix.lower() in _KINDS:
                yield (Path(folder) / name).relative_to(root).as_posix()
