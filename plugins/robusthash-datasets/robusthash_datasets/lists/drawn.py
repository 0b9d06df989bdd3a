"""Lists drawn by ``data prepare``, with the record of the draw in ``drawn.json``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from robusthash.errors import DatasetError, StorageError
from robusthash.files.contents import content_digest
from robusthash.files.documents import parse_json
from robusthash.files.opening import read_file, there
from robusthash.files.storage import write_atomically
from robusthash_datasets.drawing.recipes import Drawn
from robusthash_datasets.lists.files import list_files
from robusthash_datasets.originals import Annotated

NAME = "drawn.json"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The record of a draw.

    Attributes:
        dataset: the dataset that the lists are for.
        recipe: description of the draw.
        seed: of the draw.
        classes: the label names, column by column.
        counts: items of each split.
        sha256: of each list file, by its name.
    """

    dataset: str
    recipe: str
    seed: int
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    sha256: Mapping[str, str]


def read_draw(folder: Path) -> Draw | None:
    """The record in a folder with lists; None if the lists were not drawn.

    Raises:
        DatasetError: it cannot be read.
    """
    file = folder / NAME
    if not there(file):
        return None
    try:
        return parse_json(read_file(file), Draw)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{file} is damaged: {error}", hint="draw the lists again with robusthash data prepare"
        ) from error


def write_lists(
    folder: Path, annotated: Annotated, drawn: Drawn, *, stems: Mapping[str, str], prefix: str, draw: Draw
) -> None:
    """Writes the lists of the three splits, and last the record that validates them.

    Args:
        folder: for the lists.
        annotated: the images and their labels.
        drawn: the rows of each split.
        stems: of the files, by split.
        prefix: put before each path.
        draw: the record; its counts and digests are filled in here.

    Raises:
        DatasetError: there are already lists that were not drawn, or the lists cannot be written.
    """
    earlier = read_draw(folder)
    for stem in stems.values():
        for file in list_files(folder, stem):
            known = None if earlier is None else earlier.sha256.get(file.name)
            if known != content_digest(file).hex():
                raise DatasetError(f"{file} already exists, and was not drawn", hint="move it, or keep using it")
    digests, counts = {}, {}
    try:
        for split, stem in stems.items():
            rows = list(getattr(drawn, split))
            counts[split] = len(rows)
            paths = "".join(f"{prefix}{annotated.paths[row]}\n" for row in rows)
            labels = "".join(" ".join(map(str, row)) + "\n" for row in annotated.labels[rows].tolist())
            for name, text in ((f"{stem}_img.txt", paths), (f"{stem}_label.txt", labels)):
                write_atomically(folder / name, text.encode())
                digests[name] = hashlib.sha256(text.encode()).hexdigest()
        record = asdict(draw) | {"counts": counts, "sha256": digests}
        write_atomically(folder / NAME, (json.dumps(record, indent=2) + "\n").encode())
    except StorageError as error:
        raise DatasetError(error.message, hint="give a writable --data-root") from error
