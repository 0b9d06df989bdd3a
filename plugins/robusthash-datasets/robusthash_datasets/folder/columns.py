"""Which columns of a table are the paths, the labels and the splits, under the names that people give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import DatasetError

_PATHS = (
    *("path", "paths", "file", "filename", "file_name", "filepath", "filepaths", "file_path"),
    *("image", "image_path", "image_file", "image_name", "img", "img_path", "picture", "photo"),
)
_LABELS = ("labels", "label", "class", "classes", "class_name", "category", "categories", "tag", "tags", "target")
_SPLITS = ("split", "splits", "subset", "partition", "data_set")
_INDEX = ("", "unnamed:_0", "__index_level_0__")  #: what pandas calls the numbers of rows

_HINT = "the first line is path,labels, or path and the label names; a column named split is optional"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Positions of a table's columns.

    Attributes:
        path: of the paths.
        label: of a column with all labels of an image; None if there is a column for each label.
        each: positions of the columns with a 0 or 1 for one label.
        split: of the splits; None if there are none.
        unread: names of the columns that are not read.
    """

    path: int
    label: int | None
    each: tuple[int, ...]
    split: int | None
    unread: tuple[str, ...]


def find_columns(file: Path, header: Sequence[str], *, path: str = "", label: str = "") -> Columns:
    """Finds the columns.

    Args:
        file: the table, for errors.
        header: names of its columns.
        path: the name of the column of paths; empty looks for it.
        label: the name of the column of labels; empty looks for it.

    Raises:
        DatasetError: a column is missing, or two could be it.
    """
    where = f"{file}:1: the columns are {', '.join(header) or 'unnamed'}"
    if len(set(header)) != len(header):
        raise DatasetError(f"{where}: two have the same name", hint=_HINT)
    paths = _found(file, header, _PATHS, path, "path_column")
    if paths is None:
        raise DatasetError(f"{where}: none is the path", hint=f"{_HINT}; -o folder.path_column=NAME names another")
    split = _found(file, header, _SPLITS, "", "split")
    single = _found(file, header, _LABELS, label, "label_column", besides=paths)
    others = [i for i, name in enumerate(header) if i not in {paths, split, single} and _plain(name) not in _INDEX]
    if single is None and not others:
        raise DatasetError(f"{where}: none is the labels", hint=f"{_HINT}; -o folder.label_column=NAME names another")
    return Columns(
        path=paths,
        label=single,
        each=() if single is not None else tuple(others),
        split=split,
        unread=() if single is None else tuple(header[i] for i in others),
    )


def fits(header: Sequence[str]) -> bool:
    """Whether a table of these columns has paths and labels under their usual names."""
    names = [_plain(name) for name in header]
    return any(name in _PATHS for name in names) and any(name in _LABELS for name in names)


def _found(
    file: Path, header: Sequence[str], usual: Sequence[str], asked: str, option: str, besides: int | None = None
) -> int | None:
    """The position of a column: the one that is asked for, or the one with a usual name, of which the first is ours."""
    if asked:
        if asked not in header:
            raise DatasetError(f"{file}:1: no column {asked!r}", hint=f"{option} names one of {', '.join(header)}")
        return list(header).index(asked)
    found = [i for i, name in enumerate(header) if _plain(name) in usual and i != besides]
    own = [i for i in found if header[i] == usual[0]]
    if len(found) > 1 and not own:
        named = " and ".join(header[i] for i in found[:2])
        raise DatasetError(
            f"{file}:1: {named} could both be the {option.partition('_')[0]}",
            hint=f"say which: -o folder.{option}={header[found[0]]}" if "_" in option else "rename one of them",
        )
    return next(iter(own or found), None)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
