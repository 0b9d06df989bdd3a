"""Pictures of some queries of a record: clean, adversarial, and thumbnails of what was found before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from robusthash.errors import InputError
from robusthash.limits import LARGEST_SIDE, MOST_PICTURES
from robusthash.results.records.arrays import PIXELS, QueryArrays, input_digest
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against
from robusthash.results.rendering.escaping import visible

SHOWN = 10  #: neighbours of a query whose thumbnails are kept, before and after each
MOST_BYTES = 2 << 30  #: of all arrays together, unpacked

_HINT = "evaluate again with --force --keep-pictures N"
_IMAGES, _HEAT = 4, 3  #: dimensions of arrays of images, and of heat maps
_REQUIRED = {"rows": 1, "clean": _IMAGES, "adversarial": _IMAGES, "items": 1, "item_images": _IMAGES}
_DIMENSIONS = _REQUIRED | {"cam_clean": _HEAT, "cam_adversarial": _HEAT}
_POSITIONS = frozenset({"rows", "items"})

Pixels = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """What is kept of the queries that are shown; row i of each belongs to the same query, the worst one first.

    Attributes:
        rows: (n,) int64, positions of the queries in the record's arrays, each once.
        clean: (n, h, w, 3) uint8, the queries.
        adversarial: (n, h, w, 3) uint8, what the attack delivered: exactly the bytes that were hashed.
        items: (m,) int64, positions in the database of all neighbours that are shown, ascending.
        item_images: (m, h', w', 3) uint8, their thumbnails.
        cam_clean: (n, h'', w'') uint8, where the model looks in the clean query (Grad-CAM): 255 is where it looks most,
            0 is where it does not; None if it is not known.
        cam_adversarial: the same in the adversarial query; known if ``cam_clean`` is.

    Raises:
        InputError: the arrays are of another type, or do not fit each other.
    """

    rows: Positions
    clean: Pixels
    adversarial: Pixels
    items: Positions
    item_images: Pixels
    cam_clean: Pixels | None = None
    cam_adversarial: Pixels | None = None

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise InputError(f"the pictures are not readable: {problem}", hint=_HINT)

    def __len__(self) -> int:
        return len(self.rows)

    def thumbnail(self, item: int) -> Pixels | None:
        """The thumbnail of a database item, (h', w', 3) uint8; None if it is not among those that are kept.

        Args:
            item: its position in the database.
        """
        place = int(np.searchsorted(self.items, item))
        return self.item_images[place] if place < len(self.items) and self.items[place] == item else None

    def require_of(self, arrays: QueryArrays) -> None:
        """Checks that the adversarial images are those of a record: their digests are among its arrays.

        Args:
            arrays: of the record.

        Raises:
            InputError: they are others, such as those of an earlier run, or the record has no digests.
        """
        digests = arrays.column(PIXELS)
        if len(self) and int(self.rows.max()) >= len(digests):
            raise InputError(f"there are pictures of query {self.rows.max()}, of {len(digests)}", hint=_HINT)
        for row, image in zip(self.rows.tolist(), self.adversarial, strict=True):
            if not np.array_equal(input_digest(image.transpose(2, 0, 1)), digests[row]):
                raise InputError(
                    f"the picture of query {row} is not the image that this record was made with",
                    hint=f"it is of another run; {_HINT}",
                )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """What :meth:`to_arrays` wrote.

        Raises:
            InputError: an array is missing, unknown, of another type, or does not fit the others.
        """
        wrong = [f"there are no {name}" for name in _REQUIRED if name not in arrays]
        wrong += [f"nothing is called {visible(name)}" for name in arrays if name not in _DIMENSIONS]
        if wrong:
            raise InputError(f"the pictures are not readable: {wrong[0]}", hint=_HINT)
        return cls(**arrays)

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The arrays by their names on disk."""
        return {name: array for name in _DIMENSIONS if (array := getattr(self, name)) is not None}


def worst_queries(record: Record, arrays: QueryArrays, count: int) -> Positions:
    """The queries on which an attack achieved most: those that lost most of the headline metric.

    For a targeted attack, those that gained most of it on the target's labels, by which such an attack is judged.

    Args:
        record: as stored.
        arrays: of its queries.
        count: how many.

    Returns:
        (min(count, queries),) int64, their rows, the worst first; of equal ones, the first.

    Raises:
        InputError: the scores were not stored.
    """
    against, metric = record.attack.against, record.scoring.headline
    before, after = (arrays.scores_of(stage, metric, against) for stage in (CLEAN, ADVERSARIAL))
    lost = after - before if against is Against.TARGET else before - after
    return np.argsort(-lost, kind="stable")[:count].astype(np.int64)


def _problem(pictures: Pictures) -> str | None:
    """What is wrong with the arrays, which may be a stranger's; None if nothing is."""
    return next(_problems(pictures), None)


def _problems(pictures: Pictures) -> Iterator[str]:
    """The first that is yielded is told; those after it may rely on what those before it found sound."""
    for name, array in pictures.to_arrays().items():
        yield from _form(name, array)
        alike = pictures.items if name in {"items", "item_images"} else pictures.rows
        if len(array) != len(alike):
            yield f"{name} has {len(array)} rows, not {len(alike)}"
    if pictures.clean.shape != pictures.adversarial.shape:
        yield "clean and adversarial images have different sizes"
    if (pictures.cam_clean is None) != (pictures.cam_adversarial is None):
        yield "only one of cam_clean and cam_adversarial is there"
    if len(pictures.rows) > MOST_PICTURES:
        yield f"there are {len(pictures.rows)} queries, more than {MOST_PICTURES}"
    if len(np.unique(pictures.rows)) != len(pictures.rows):
        yield "rows has a query twice"
    if (np.diff(pictures.items) <= 0).any():
        yield "items are not in ascending order"


def _form(name: str, array: np.ndarray[Any, Any]) -> Iterator[str]:
    wanted, dimensions = np.dtype(np.int64 if name in _POSITIONS else np.uint8), _DIMENSIONS[name]
    if array.dtype != wanted or array.ndim != dimensions:
        yield f"{name} is {array.dtype} of shape {array.shape}, not {wanted} of {dimensions} dimensions"
    if name in _POSITIONS and (array < 0).any():
        yield f"{name} has a position below 0"
    if dimensions > 1 and not all(1 <= side <= LARGEST_SIDE for side in array.shape[1:3]):
        yield f"{name} has images of {array.shape[1]} x {array.shape[2]} pixels"
    if dimensions == _IMAGES and array.shape[3] != 3:
        yield f"{name} has {array.shape[3]} channels, not 3"
