"""MS-COCO 2014: the instances of train and val (cocodataset.org)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import DatasetError
from robusthash.files.opening import read_file
from robusthash_datasets.originals.annotated import Annotated, Original, find


@dataclass(frozen=True, kw_only=True)
class Coco(Original):
    """``annotations/instances_train2014.json`` and ``instances_val2014.json``: the images with a category.

    The columns are the categories in the order of their ids.
    """

    def read(self, source: Path) -> Annotated:  # noqa: D102 - as in the base class
        names: dict[int, str] = {}
        owned: dict[str, set[int]] = {}
        for part in ("train2014", "val2014"):
            name = f"instances_{part}.json"
            file = find(source, (f"annotations/{name}", name), f"annotations of {part}")
            images, categories = _instances(file)
            names |= categories
            owned |= {f"{part}/{image}": labels for image, labels in images.items() if labels}
        column = {category: i for i, category in enumerate(sorted(names))}
        paths = sorted(owned)
        labels = np.zeros((len(paths), len(column)), dtype=np.uint8)
        for row, path in enumerate(paths):
            labels[row, [column[category] for category in owned[path]]] = 1
        return Annotated(paths=tuple(paths), labels=labels, classes=tuple(names[category] for category in column))


def _instances(file: Path) -> tuple[dict[str, set[int]], dict[int, str]]:
    try:
        content: Any = json.loads(read_file(file))
        files = {image["id"]: str(image["file_name"]) for image in content["images"]}
        categories = {category["id"]: str(category["name"]) for category in content["categories"]}
        owned: dict[str, set[int]] = {name: set() for name in files.values()}
        named = {category: category for category in categories}  # an unknown category is a KeyError
        for one in content["annotations"]:
            owned[files[one["image_id"]]].add(named[one["category_id"]])
    except OSError as error:
        raise DatasetError(f"cannot read {file}: {error.strerror}", hint="unpack the original again") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"{file} is not in COCO's format: {error!r}", hint="unpack the original again") from error
    return owned, categories
