"""Little trees: what lies in a folder, and the layouts that can be read."""

from pathlib import Path

from robusthash_datasets.folder.survey import Survey

_MOST = 6  #: folders of a level that are drawn

#: The layouts, as they are drawn where none of them fits, and in the documentation.
EXPECTED = (
    "expected is one of these layouts of DIR, given as --data-root DIR:",
    "  a folder per class    splits                  as ImageFolder",
    "    DIR/                  DIR/                    DIR/",
    "      cat/1.jpg             query/cat/1.jpg         train/cat/1.jpg",
    "      cat/2.jpg             database/cat/2.jpg      val/cat/2.jpg",
    "      dog/3.jpg             train/cat/3.jpg         test/cat/3.jpg",
    "  a table               tables of splits        arrays",
    "    DIR/                  DIR/                    DIR/",
    "      labels.csv            train.csv               data.npz",
    "        path,labels           path,labels             images, labels",
    "        a/1.jpg,sky;sea       a/1.jpg,sky;sea         or x_train, y_train,",
    "      a/1.jpg               test.csv                     x_test, y_test",
)


def drawn(root: Path, seen: Survey | None = None) -> tuple[str, ...]:
    """What was found, two levels deep, above the layouts that can be read.

    Args:
        root: the folder.
        seen: what lies in it; None draws the layouts alone.
    """
    if seen is None:
        return EXPECTED
    lines = [f"found in {root}:"]
    for folder in seen.folders[:_MOST]:
        lines.append(_line(folder, 2))
        lines += [_line(inner, 4) for inner in folder.folders[:3]]
        lines += _more(len(folder.folders) - 3, "folders", 4)
    lines += _more(len(seen.folders) - _MOST, "folders", 2)
    lines += [f"  {name}" for name in seen.pictures[:2]] + _more(len(seen.pictures) - 2, "pictures", 2)
    lines += [f"  {name}" for name in seen.others[:_MOST]] + _more(len(seen.others) - _MOST, "other files", 2)
    return (*(lines if len(lines) > 1 else [f"found in {root}: nothing"]), *EXPECTED)


def counted(pictures: int) -> str:
    """A number of pictures.

    >>> counted(1), counted(2)
    ('1 picture', '2 pictures')
    """
    return f"{pictures or 'no'} picture{'' if pictures == 1 else 's'}"


def _line(folder: Survey, indent: int) -> str:
    name = f"{' ' * indent}{folder.name}/"
    direct = len(folder.pictures)
    below = f", {folder.count - direct} in folders" if folder.count > direct else ""
    return f"{name:28}{counted(direct)}{below}"


def _more(count: int, what: str, indent: int) -> list[str]:
    return [f"{' ' * indent}... {count} more {what}"] if count > 0 else []
