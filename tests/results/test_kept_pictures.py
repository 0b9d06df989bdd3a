"""Pictures of a record's queries: which they are, where they lie, and what is refused of a stranger's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.errors import InputError
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.results import Pictures, QueryArrays, Record, ResultStore
from robusthash.results.records.arrays import PIXELS, input_digest
from robusthash.results.records.pictures import worst_queries
from robusthash.testing.records import make_record

QUERIES, SIDE = 5, 8
Arrays = dict[str, np.ndarray[Any, Any]]


def images(count: int, seed: int, side: int = SIDE) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


DELIVERED = images(QUERIES, 1)  #: by all queries
KEPT: Arrays = {
    "rows": np.array([3, 0]),
    "clean": images(2, 2),
    "adversarial": DELIVERED[[3, 0]],
    "items": np.array([2, 5, 70]),
    "item_images": images(3, 3, side=4),
    "cam_clean": images(2, 4)[..., 0],
    "cam_adversarial": images(2, 5)[..., 0],
}
ARRAYS = QueryArrays.from_arrays(
    {
        "clean/map": np.array([0.9, 0.5, 0.5, 0.9, 0.1]),
        "adversarial/map": np.array([0.5, 0.5, 0.6, 0.1, 0.5]),
        "clean/t-map": np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
        "adversarial/t-map": np.array([0.2, 0.9, 0.3, 0.5, 0.4]),
        PIXELS: np.stack([input_digest(one.transpose(2, 0, 1)) for one in DELIVERED]),
    }
)


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


@pytest.fixture
def record(store: ResultStore) -> Record:
    record = make_record()
    store.save(record, ARRAYS)
    return record


@pytest.mark.parametrize(
    ("target", "count", "rows"), [(None, 2, [3, 0]), (None, 9, [3, 0, 1, 2, 4]), (0.5, 3, [1, 0, 3])]
)
def test_the_worst_queries_lose_most_or_gain_most_on_the_target(
    target: float | None, count: int, rows: list[int]
) -> None:
    assert worst_queries(make_record(target=target), ARRAYS, count).tolist() == rows


def test_pictures_come_back_as_they_were_saved(store: ResultStore, record: Record) -> None:
    assert store.pictures(record) is None
    path = store.save_pictures(record, Pictures(**KEPT))
    assert path == store.path_of(record).with_suffix(".pictures.npz")
    found = store.pictures(record)
    assert found is not None
    assert len(found) == 2
    for name, array in found.to_arrays().items():
        np.testing.assert_array_equal(array, KEPT[name])
    np.testing.assert_array_equal(found.thumbnail(5), KEPT["item_images"][1])
    assert found.thumbnail(4) is None
    assert found.thumbnail(71) is None
    assert store.load_all() == ([record], [])  # they are no record


def test_saving_a_record_again_keeps_pictures_of_the_same_images_alone(store: ResultStore, record: Record) -> None:
    store.save_pictures(record, Pictures(**KEPT))
    store.save(record, ARRAYS)
    assert store.pictures(record) is not None
    other = QueryArrays(scores=ARRAYS.scores, columns={PIXELS: ARRAYS.column(PIXELS)[::-1]})
    store.save(record, other)
    with pytest.raises(InputError, match="query 3 is not the image that this record was made with"):
        store.pictures(record)


def with_(name: str, array: np.ndarray[Any, Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name: array}


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {other: array for other, array in arrays.items() if other != name}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("clean"), "there are no clean"),
        (without("cam_clean"), "only one of cam_clean"),
        (with_("x\x1b[2J", np.zeros(2)), r"nothing is called x\\x1b\[2J"),
        (with_("rows", np.array([3.0, 0.0])), "rows is float64"),
        (with_("rows", np.array([3, 3])), "rows has a query twice"),
        (with_("rows", np.array([3, -1])), "rows has a position below 0"),
        (with_("rows", np.array([3, 5])), "pictures of query 5, of 5"),
        (with_("rows", np.array([0, 3])), "query 0 is not the image"),
        (with_("items", np.array([5, 2, 70])), "not in ascending order"),
        (with_("items", np.array([2, 5])), "item_images has 3 rows, not 2"),
        (with_("adversarial", images(2, 1, side=9)), "different sizes"),
        (with_("adversarial", images(3, 1)), "adversarial has 3 rows, not 2"),
        (with_("clean", images(2, 1).astype(np.float32)), "clean is float32"),
        (with_("clean", images(2, 1)[..., :1]), "clean has 1 channels"),
        (with_("item_images", np.zeros((3, 0, 4, 3), np.uint8)), "images of 0 x 4 pixels"),
        (with_("item_images", np.zeros((3, 1, 5000, 3), np.uint8)), "images of 1 x 5000 pixels"),
        (with_("cam_clean", images(2, 1)), "cam_clean is uint8 of shape"),
    ],
)
def test_a_strangers_pictures_are_refused_where_they_do_not_fit(
    store: ResultStore, record: Record, change: Callable[[Arrays], Arrays], told: str
) -> None:
    path = store.path_of(record).with_suffix(".pictures.npz")
    write_arrays(path, change(KEPT))
    with pytest.raises(InputError, match=told) as raised:
        store.pictures(record)
    assert str(path) in raised.value.message


def test_a_file_that_is_no_archive_and_a_record_without_digests(store: ResultStore, record: Record) -> None:
    path = store.path_of(record).with_suffix(".pictures.npz")
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot read the arrays"):
        store.pictures(record)
    store.save_pictures(record, Pictures(**KEPT))
    store.save(record, QueryArrays(scores=ARRAYS.scores))
    with pytest.raises(InputError, match="lack pixels"):
        store.pictures(record)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, rows=np.zeros(1 << 20, np.uint8))
    assert path.stat().st_size < 1 << 14
    assert len(read_arrays(path, at_most=1 << 21)["rows"]) == 1 << 20
    with pytest.raises(InputError, match="unpacked"):
        read_arrays(path, at_most=1 << 19)
