"""Evaluations through the library: the same bytes however they are run, and one bad cell stops no other."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robusthash.contracts import silent
from robusthash.epsilon import Radius
from robusthash.errors import OptionError, StorageError, UnknownNameError
from robusthash.evaluation import Processes, Request, RunSettings, evaluate
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.crafting.shards import shard_ranges
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.running.preparing.checking import known
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.arrays import read_arrays, to_npz, write_arrays
from robusthash.host import PluginHost
from robusthash.results import Against, Record, ResultStore
from robusthash.testing import Reversed
from tests.suites import read_suite

pytestmark = pytest.mark.usefixtures("cache")


def run(
    request: Request, host: PluginHost, folder: Path, **options: object
) -> dict[str, tuple[Record, dict[str, np.ndarray]]]:
    outcome = evaluate(request, host, results=folder, **options)  # type: ignore[arg-type]  # passed through
    assert not outcome.failures, [str(failure.error) for failure in outcome.failures]
    store = ResultStore(folder)
    return {record.attack.name: (record, store.arrays(record).to_arrays()) for record in outcome.records}


def same(
    left: dict[str, tuple[Record, dict[str, np.ndarray]]], right: dict[str, tuple[Record, dict[str, np.ndarray]]]
) -> None:
    assert left.keys() == right.keys()
    for name, (record, arrays) in left.items():
        other, others = right[name]
        assert record.reproducible() == other.reproducible()
        assert arrays.keys() == others.keys()
        for key in arrays:
            np.testing.assert_array_equal(arrays[key], others[key], err_msg=f"{name}: {key}")


@pytest.fixture(scope="module")
def undisturbed(
    host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Record, dict[str, np.ndarray]]]:
    setting = RunSettings(queries=20, shard_size=8, options={"rnm": {"steps": "10"}, "train": {"epochs": "3"}})
    request = Request(models=("dpsh",), attacks=("rnm",), setting=setting)
    return run(request, host, tmp_path_factory.mktemp("undisturbed"))


def test_noise_stands_beside_every_attack(undisturbed: dict[str, tuple[Record, dict[str, np.ndarray]]]) -> None:
    assert list(undisturbed) == ["noise", "rnm"]
    noise, attack = undisturbed["noise"][0], undisturbed["rnm"][0]
    assert noise.outcome.metrics["clean"] == attack.outcome.metrics["clean"]
    assert attack.measure("adversarial").value < noise.measure("adversarial").value


def test_a_record_counts_every_pass(undisturbed: dict[str, tuple[Record, dict[str, np.ndarray]]]) -> None:
    noise, attack = undisturbed["noise"][0], undisturbed["rnm"][0]
    assert (noise.outcome.cost.forward, noise.outcome.cost.backward) == (0, 0)
    assert 20 < attack.outcome.cost.forward <= 20 * 12  # the clean pass, ten steps, and the look at the last iterate
    assert attack.outcome.cost.backward <= 20 * 10


def test_shards_in_another_order_give_the_same_bytes(
    undisturbed: dict[str, tuple[Record, dict[str, np.ndarray]]], small: Request, host: PluginHost, tmp_path: Path
) -> None:
    same(undisturbed, run(small, host, tmp_path, executor=Reversed()))


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(
    undisturbed: dict[str, tuple[Record, dict[str, np.ndarray]]], small: Request, host: PluginHost, tmp_path: Path
) -> None:
    same(undisturbed, run(small, host, tmp_path, executor=Processes(workers=2)))


def test_a_run_that_broke_off_goes_on(
    undisturbed: dict[str, tuple[Record, dict[str, np.ndarray]]], small: Request, host: PluginHost, tmp_path: Path
) -> None:
    class PulledThePlug(Exception):
        pass

    def pull(done: int, _total: int, what: str) -> None:
        if what.startswith("rnm") and done == 16:
            raise PulledThePlug

    with pytest.raises(PulledThePlug):
        evaluate(small, host, results=tmp_path, progress=pull)
    kept = list((tmp_path / ".shards").rglob("*.npz"))
    assert len(kept) == 2
    seen: list[int] = []
    same(
        undisturbed,
        run(
            small, host, tmp_path, progress=lambda done, _t, what: seen.append(done) if what.startswith("rnm") else None
        ),
    )
    assert seen == [16, 20]
    assert not list((tmp_path / ".shards").rglob("*.npz"))


def test_what_is_stored_is_not_run_again(small: Request, host: PluginHost, tmp_path: Path) -> None:
    first = evaluate(small, host, results=tmp_path)
    again = evaluate(small, host, results=tmp_path)
    forced = evaluate(small, host, results=tmp_path, force=True)
    assert not first.reused
    assert again.reused == {record.digest for record in first.records}
    assert again.records == first.records
    assert not forced.reused
    assert [r.reproducible() for r in forced.records] == [r.reproducible() for r in first.records]


def test_another_batch_size_changes_almost_no_pixel(
    small: Request, last_cell: Callable[[Request], PreparedCell]
) -> None:
    job = last_cell(small).job
    images = {
        size: torch.cat([craft(job, rows).adversarial.inputs for rows in shard_ranges(20, size)]) for size in (1, 7, 20)
    }
    for size in (1, 7):
        assert (images[size] == images[20]).float().mean() >= 0.995


@pytest.mark.parametrize("attack", ["rnm-p2s", "tanh-p2p"])
def test_a_targeted_record_is_scored_on_its_targets(
    attack: str, small: Request, host: PluginHost, tmp_path: Path
) -> None:
    setting = replace(small.setting, options={"train": {"epochs": "3"}, attack: {"steps": "10"}})
    record, arrays = run(replace(small, attacks=(attack,), setting=setting), host, tmp_path)[attack]
    clean, adversarial = record.measure("clean").value, record.measure("adversarial").value
    assert clean < adversarial <= 1
    assert record.outcome.floors[Against.TARGET]["anchor"] > record.outcome.floors[Against.TARGET]["random"]
    assert arrays["adversarial/t-map"].mean() == pytest.approx(adversarial)


def test_epsilon_zero_gives_the_clean_score(small: Request, host: PluginHost, tmp_path: Path) -> None:
    for record, _ in run(replace(small, epsilons=(0.0,)), host, tmp_path).values():
        assert record.outcome.metrics["adversarial"] == record.outcome.metrics["clean"]
        assert record.outcome.flags == ()


def test_every_name_and_option_is_checked_before_anything_is_trained(
    host: PluginHost, tmp_path: Path, small: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robusthash.evaluation.victims.checkpoints.train", lambda *_a, **_k: pytest.fail("trained"))
    options = {"train": {"epochs": "77"}}
    for request, error, says in (
        (replace(small, attacks=("rnn",)), UnknownNameError, "rnm"),
        (replace(small, models=("dpsj",)), UnknownNameError, "dpsh"),
        (replace(small, setting=RunSettings(options={**options, "rnm": {"stepz": "3"}})), OptionError, "steps"),
        (replace(small, setting=RunSettings(options={**options, "hag": {"steps": "3"}})), OptionError, "hag"),
        (replace(small, setting=RunSettings(options={**options, "rnm": {"steps": "0"}})), OptionError, "at least 1"),
        (replace(small, setting=RunSettings(options=options, retriever="fais")), UnknownNameError, "faiss"),
        (replace(small, setting=RunSettings(options=options, metrics=("mapp",))), UnknownNameError, "map"),
        (replace(small, defenses=("bit-dept",)), UnknownNameError, "bit-depth"),
    ):
        with pytest.raises(error, match=says):
            evaluate(request, host, results=tmp_path)


def test_a_defense_is_a_victim_of_its_own(small: Request, host: PluginHost, tmp_path: Path) -> None:
    outcome = evaluate(replace(small, defenses=("none", "bit-depth")), host, results=tmp_path)
    assert [record.victim.defense.name if record.victim.defense else None for record in outcome.records] == [
        None,
        None,
        "bit-depth",
        "bit-depth",
    ]
    assert len({record.digest for record in outcome.records}) == 4


def test_a_disk_that_fills_up_loses_nothing(
    small: Request, host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = replace(small.setting, options={"train": {"epochs": "3"}})
    first = evaluate(replace(small, attacks=(), setting=trained), host, results=tmp_path)
    stored = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            evaluate(small, host, results=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == stored
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name.startswith(".0")]
    assert evaluate(small, host, results=tmp_path).reused == {record.digest for record in first.records}


def test_suites_say_what_options_say(host: PluginHost, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        'models = ["dpsh"]\nattacks = ["rnm"]\nbits = [16, 32]\nepsilons = ["8/255", 0.1]\n'
        'dataset = "digits"\nseed = 3\ndata_root = "images"\n\n[options.rnm]\nsteps = 200\n'
    )
    setting = RunSettings(seed=3, data_root=tmp_path / "images", options={"rnm": {"steps": "200"}})
    radii = (Radius(size=8 / 255), Radius(size=0.1))
    expected = Request(models=("dpsh",), attacks=("rnm",), bits=(16, 32), epsilons=radii, setting=setting)
    assert read_suite(suite) == expected
    resources = Resources(setting, host, silent)
    assert len(plan(expected, known(expected, resources))) == 2 * 2 * 2


def test_an_npz_depends_on_its_arrays_alone() -> None:
    arrays = {"a": np.arange(5), "b": np.zeros((2, 2))}
    assert to_npz(arrays) == to_npz(dict(arrays))
    with zipfile.ZipFile(io.BytesIO(to_npz(arrays))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_npz_is_compressed_where_that_is_cheap(tmp_path: Path) -> None:
    arrays = {
        "neighbours": np.tile(np.arange(100), (100, 1)),
        "flags": np.zeros(1000, bool),
        "values": np.zeros((1000, 2), np.float32),
        "none": np.zeros((0, 4), np.uint8),
        "names": np.array(["a", "bc"]),
    }
    write_arrays(tmp_path / "a.npz", arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        sizes = {entry.filename: (entry.compress_size, entry.file_size) for entry in archive.infolist()}
    assert sizes["neighbours.npy"][0] < 0.2 * sizes["neighbours.npy"][1]
    assert sizes["values.npy"][0] == sizes["values.npy"][1]


def test_records_survive_json(undisturbed: dict[str, tuple[Record, dict[str, np.ndarray]]]) -> None:
    for record, _ in undisturbed.values():
        assert Record.from_json(record.to_json(), "here") == record
        assert json.loads(record.to_json())["schema"] == 2


def test_an_ensemble_is_its_members_worst_outcome_on_every_query(
    small: Request, host: PluginHost, tmp_path: Path
) -> None:
    options = {
        "train": {"epochs": "3"},
        "rnm": {"steps": "5"},
        "hag": {"steps": "5"},
        "strongest": {"members": "rnm,hag", "restarts": "1", "sparing": "false"},
    }
    setting = replace(small.setting, options=options)
    found = run(replace(small, attacks=("rnm", "hag", "strongest"), setting=setting, epsilons=(0.1,)), host, tmp_path)
    record, arrays = found["strongest"]
    members = [found[name] for name in ("rnm", "hag")]
    scores = np.stack([their["adversarial/map"] for _, their in members])
    np.testing.assert_array_equal(arrays["adversarial/map"], scores.min(axis=0))
    np.testing.assert_array_equal(arrays["member"], scores.argmin(axis=0))
    assert set(arrays["member"]) == {0, 1}  # on these queries neither is the strongest everywhere
    pixels = np.stack([their["pixels"] for _, their in members])
    np.testing.assert_array_equal(arrays["pixels"], pixels[arrays["member"], np.arange(20)])
    assert record.outcome.cost.forward == sum(one.outcome.cost.forward for one, _ in members)
    assert record.attack.options["members"]["rnm"]["steps"] == 5
    assert [record.attack.options["members"][name]["place"] for name in ("rnm", "hag")] == [0, 1]
    assert not record.outcome.flags
