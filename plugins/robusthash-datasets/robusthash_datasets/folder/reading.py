"""Which layout the user's images have: the first that fits, and an error with a drawing where none does."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from robusthash.contracts import SplitNames
from robusthash.errors import DatasetError
from robusthash.files.opening import there
from robusthash_datasets.folder.arrays import ARRAYS, read_archive, read_npy
from robusthash_datasets.folder.classes import read_classes
from robusthash_datasets.folder.columns import fits
from robusthash_datasets.folder.content import Content
from robusthash_datasets.folder.rows import TABLES, header_of
from robusthash_datasets.folder.sketches import drawn
from robusthash_datasets.folder.survey import Survey, survey
from robusthash_datasets.folder.table import Naming, read_tables

_OWN = tuple(f"labels{ending}" for ending in TABLES)  #: names of a table that is read whatever else is there


def read_content(root: Path, naming: Naming, depth: int | None) -> Content:
    """What a folder holds, or a table or an archive that is named itself.

    Args:
        root: the folder or file.
        naming: what the user says of a table's columns.
        depth: the level of the folders that name classes, if the user says so.

    Raises:
        DatasetError: there is nothing, nothing that can be read, or something that can be read in two ways.
    """
    if root.is_file():
        if root.suffix.lower() in ARRAYS:
            return read_archive(root)
        if root.suffix.lower() in TABLES:
            return read_tables({None: root}, naming)
        raise DatasetError(
            f"{root} is a file, and neither a table ({', '.join(TABLES)}) nor an archive of arrays (.npz)",
            hint="name the folder of the images",
            sketch=drawn(root),
        )
    if not root.is_dir():
        raise DatasetError(f"no folder {root}", hint="name the folder of your images", sketch=drawn(root))
    own = [name for name in _OWN if there(root / name)]
    if own:
        return read_tables({None: root / own[0]}, naming)
    seen = survey(root)
    tables = [name for name in seen.others if Path(name).suffix.lower() in TABLES and _fits(root / name, naming)]
    found = _listed(root, seen, tables, naming)
    if found is not None:
        return found
    found = read_classes(root, seen, depth)
    if not tables:
        return found
    unread = f"{tables[0]} is not read, because folders name the classes: --data-root {root / tables[0]} reads it"
    return replace(found, notes=(*found.notes, unread))


def _listed(root: Path, seen: Survey, tables: Sequence[str], naming: Naming) -> Content | None:
    """The content of tables or arrays under other names; None if class folders are what there is."""
    if _flat(seen) and tables:
        splits = {Path(name).stem: root / name for name in tables if SplitNames.role(Path(name).stem)}
        if len(splits) == len(tables) > 1:
            return read_tables(splits, naming)
        if len(tables) > 1:
            raise DatasetError(
                f"{root} holds several tables of labels: {', '.join(tables)}",
                hint=f"name one: --data-root {root / tables[0]}",
                sketch=drawn(root, seen),
            )
        table = read_tables({None: root / tables[0]}, naming)
        return replace(table, notes=(f"{tables[0]} is the table of labels", *table.notes))
    archives = [name for name in seen.others if name.lower().endswith(".npz")]
    if not seen.count and len(archives) == 1:
        return read_archive(root / archives[0])
    arrays = [name for name in seen.others if name.lower().endswith(".npy")]
    return read_npy(root, arrays) if not seen.count and arrays else None


def _fits(file: Path, naming: Naming) -> bool:
    header = header_of(file) if file.suffix.lower() != ".parquet" else None
    return header is None or fits(header) or ({naming.path, naming.label} - {""} <= set(header) and bool(naming.path))


def _flat(seen: Survey) -> bool:
    """Whether folders say nothing of classes: one holds all pictures, or they are splits that hold pictures alone."""
    return len(seen.filled) < 2 or all(SplitNames.role(folder.name) and not folder.filled for folder in seen.filled)
