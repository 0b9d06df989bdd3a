"""Where a model looks, before and after: the same queries under several attacks (as figure 4 of the RNM paper)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from robusthash.errors import InputError
from robusthash.results.figures.canvas import canvas, literal
from robusthash.results.figures.images import show, show_heat
from robusthash.results.figures.naming import attack_names, victim_name
from robusthash.results.records.pictures import Pictures, Pixels
from robusthash.results.records.record import Record

_TILE = 1.1  #: inches of an image
_NAME, _TITLE = 18, 200  #: characters above an image, and above all


def save_cam(records: Sequence[Record], kept: Mapping[str, Pictures | None], path: Path, *, queries: int = 3) -> None:
    """Draws Grad-CAM of the same queries under several attacks.

    A query takes two rows: the images as they were hashed, and where the victim looks in each. The first column is the
    clean query; then comes one for each attack. Queries on which the last attack achieved most come first.

    Args:
        records: of attacks on one victim, in the order of the columns.
        kept: their pictures, by the digest of the record.
        path: of the file; its suffix gives the format: ``.svg``, ``.png`` or ``.pdf``.
        queries: how many, at most.

    Raises:
        InputError: the records are of several victims, or have no query in common of which pictures are kept.
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    title, names = victim_name(records), attack_names(records)
    shown = _found(records, names, kept)
    rows = _common(shown)[:queries]
    with canvas(path, _TILE * (1 + len(shown)), 2 * _TILE * len(rows)) as figure:
        figure.suptitle(literal(title, _TITLE), fontsize="small", wrap=True)
        axes = figure.subplots(2 * len(rows), 1 + len(shown), squeeze=False)
        for name, one in zip(["clean", *names], axes[0], strict=True):
            one.set_title(literal(name, _NAME), fontsize="small", wrap=True)
        for number, row in enumerate(rows):
            above, below = axes[2 * number : 2 * number + 2]
            for place, pictures in enumerate(shown, start=1):
                at, (before, after) = pictures.rows.tolist().index(row), _heat(pictures)
                if place == 1:
                    show(above[0], pictures.clean[at])
                    show_heat(below[0], pictures.clean[at], before[at])
                show(above[place], pictures.adversarial[at])
                show_heat(below[place], pictures.adversarial[at], after[at])


def _found(records: Sequence[Record], names: Sequence[str], kept: Mapping[str, Pictures | None]) -> list[Pictures]:
    shown = [kept[record.digest] for record in records]
    lacking = [name for name, pictures in zip(names, shown, strict=True) if pictures is None]
    if lacking:
        raise InputError(
            f"no pictures are kept of {', '.join(lacking)}", hint="evaluate with --keep-pictures N, which adds them"
        )
    return [pictures for pictures in shown if pictures is not None]


def _common(shown: Sequence[Pictures]) -> list[int]:
    """Rows that all have, in the order of the last."""
    rows = [row for row in shown[-1].rows.tolist() if all(np.isin(row, one.rows) for one in shown)]
    if not rows:
        raise InputError(
            "each attack has pictures of other queries", hint="keep more of each: evaluate with --keep-pictures 1000"
        )
    return rows


def _heat(pictures: Pictures) -> tuple[Pixels, Pixels]:
    if pictures.cam_clean is None or pictures.cam_adversarial is None:
        raise InputError("no Grad-CAM is kept of these pictures", hint="the victim has no gradient to explain it by")
    return pictures.cam_clean, pictures.cam_adversarial
