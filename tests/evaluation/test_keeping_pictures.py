"""Pictures that a run keeps of its worst queries: the very bytes of the run, whoever crafted them and when."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.contracts import read_pixels
from robusthash.errors import OptionError, RobustHashWarning
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.crafting import craft as crafting
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.running.executing.executors import Processes
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.running.recording.pictures import pictures_of
from robusthash.host import PluginHost
from robusthash.results import Pictures, Record, ResultStore
from robusthash.results.records.pictures import worst_queries

pytestmark = pytest.mark.usefixtures("cache")

COUNT = 3
SETTING = RunSettings(queries=12, shard_size=4, options={"rnm": {"steps": "4"}, "train": {"epochs": "3"}})
REQUEST = Request(models=("dpsh",), attacks=("rnm",), epsilons=(0.1,), setting=SETTING)


def kept(folder: Path, record: Record) -> Pictures:
    found = ResultStore(folder).pictures(record)  # which checks them against the digests of the record
    assert found is not None
    return found


def crafted_shards(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """The shards that are crafted from now on, as they are."""
    seen: list[range] = []
    real = crafting._as_one_batch

    def recorded(job: Job, rows: range, **how: Any) -> Crafted:
        seen.append(rows)
        return real(job, rows, **how)

    monkeypatch.setattr(crafting, "_as_one_batch", recorded)
    return seen


def test_a_run_keeps_its_worst_queries_and_crafts_each_once(
    host: PluginHost,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last_cell: Callable[[Request], PreparedCell],
) -> None:
    seen = crafted_shards(monkeypatch)
    outcome = evaluate(REQUEST, host, results=tmp_path, keep_pictures=COUNT)
    assert len(seen) == 2 * 3  # of noise and rnm; none is crafted again for the pictures
    assert not list(tmp_path.glob(".*"))
    record, system = outcome.records[-1], last_cell(REQUEST).system
    arrays, pictures = ResultStore(tmp_path).arrays(record), kept(tmp_path, record)
    assert pictures.rows.tolist() == worst_queries(record, arrays, COUNT).tolist()
    clean = read_pixels(system.resources.queries.view("image"), pictures.rows.tolist())  # type: ignore[arg-type]
    np.testing.assert_array_equal(pictures.clean, clean.permute(0, 2, 3, 1))
    for stage in ("clean", "adversarial"):
        assert np.isin(arrays.neighbours[stage][pictures.rows, :10], pictures.items).all()
    items = read_pixels(system.resources.data.database.view("image"), pictures.items.tolist())  # type: ignore[arg-type]
    np.testing.assert_array_equal(pictures.item_images, items.permute(0, 2, 3, 1))  # smaller than a thumbnail
    assert pictures.cam_clean is not None
    assert pictures.cam_adversarial is not None
    assert pictures.cam_clean.shape == (COUNT, 4, 4)
    assert (pictures.cam_clean.max((1, 2)) == 255).all()
    assert not np.array_equal(pictures.cam_clean, pictures.cam_adversarial)


def test_they_change_nothing_of_the_record(host: PluginHost, tmp_path: Path) -> None:
    plain = evaluate(REQUEST, host, results=tmp_path / "plain")
    pictured = evaluate(REQUEST, host, results=tmp_path / "pictured", keep_pictures=COUNT)
    assert [one.reproducible() for one in plain.records] == [one.reproducible() for one in pictured.records]
    assert not list((tmp_path / "plain").rglob("*.pictures.npz"))


def test_stored_records_get_pictures_later_and_only_where_they_lack_some(
    host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = evaluate(REQUEST, host, results=tmp_path).records[-1]
    seen = crafted_shards(monkeypatch)
    again = evaluate(REQUEST, host, results=tmp_path, keep_pictures=COUNT)
    assert again.reused == {one.digest for one in again.records}
    first = kept(tmp_path, record)
    assert seen  # whole shards, those of the worst queries
    assert all(len(shard) == SETTING.shard_size for shard in seen)
    seen.clear()
    evaluate(REQUEST, host, results=tmp_path, keep_pictures=COUNT - 1)
    assert not seen
    np.testing.assert_array_equal(kept(tmp_path, record).rows, first.rows)
    evaluate(REQUEST, host, results=tmp_path, keep_pictures=99)
    assert len(kept(tmp_path, record)) == SETTING.queries
    ResultStore(tmp_path).path_of(record).with_suffix(".pictures.npz").write_bytes(b"damaged")
    evaluate(REQUEST, host, results=tmp_path, keep_pictures=COUNT)
    np.testing.assert_array_equal(kept(tmp_path, record).adversarial, first.adversarial)


def test_an_image_that_comes_out_otherwise_is_left_out_and_told(
    host: PluginHost, tmp_path: Path, last_cell: Callable[[Request], PreparedCell]
) -> None:
    evaluate(REQUEST, host, results=tmp_path)
    store, cell = ResultStore(tmp_path), last_cell(REQUEST)
    record = store.find(cell.record.digest)
    assert record is not None
    arrays = store.arrays(record)
    first, second, third = worst_queries(record, arrays, COUNT).tolist()
    arrays.column("pixels")[second] ^= 1
    assert pictures_of(cell, [first, second, third], arrays).rows.tolist() == [first, third]
    arrays.column("pixels")[:] ^= 1  # now the second alone is right
    none = pictures_of(cell, [first, third], arrays)
    assert (len(none), none.cam_clean) == (0, None)
    store.save(record, arrays)
    with pytest.warns(RobustHashWarning, match="no pictures of 2 of the 3 worst queries of .*made again"):
        evaluate(REQUEST, host, results=tmp_path, keep_pictures=COUNT)
    assert kept(tmp_path, record).rows.tolist() == [second]


@pytest.mark.slow
def test_workers_hand_on_the_same_pictures(host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = evaluate(REQUEST, host, results=tmp_path / "here", keep_pictures=COUNT).records[-1]
    seen, place = crafted_shards(monkeypatch), Processes(workers=2)
    there = evaluate(REQUEST, host, results=tmp_path / "there", keep_pictures=COUNT, executor=place).records[-1]
    assert not seen  # in this process
    left, right = kept(tmp_path / "here", here), kept(tmp_path / "there", there)
    for name, array in left.to_arrays().items():
        np.testing.assert_array_equal(array, right.to_arrays()[name])


def test_more_than_are_kept(host: PluginHost, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="pictures of 1001 queries"):
        evaluate(REQUEST, host, results=tmp_path, keep_pictures=1001)
