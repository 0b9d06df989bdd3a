"""Retrieval by continuous descriptors, end to end: attacked, scored, stored, scored again and shown like codes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.errors import CapabilityError
from robusthash.evaluation import Request, RunSettings, evaluate, rescore
from robusthash.evaluation.running.run import RunOutcome
from robusthash.host import PluginHost
from robusthash.results import ADVERSARIAL, CLEAN, Access, Against, Record, ResultStore, build_leaderboard
from robusthash.specs import Distance

pytestmark = pytest.mark.usefixtures("cache")

OPTIONS = {
    "descriptor": {"steps": "15"},
    "descriptor/adaptive": {"steps": "15"},
    "descriptor-center": {"steps": "15"},
    "descriptor-p2s": {"steps": "15"},
    "strongest/descriptors": {"restarts": "1"},
    "square/ids": {"queries": "30"},
}
ATTACKS = ("descriptor", "strongest/descriptors", "descriptor-p2s", "square/ids")
SETTING = RunSettings(queries=12, shard_size=8, options=OPTIONS, device="cpu")
REQUEST = Request(models=("features",), attacks=ATTACKS, epsilons=(0.2,), setting=SETTING)


@pytest.fixture(scope="module")
def folder(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("descriptors")


@pytest.fixture(scope="module")
def outcome(host: PluginHost, folder: Path) -> RunOutcome:
    found = evaluate(REQUEST, host, results=folder)
    assert not found.failures, found.failures
    return found


@pytest.fixture(scope="module")
def records(outcome: RunOutcome) -> dict[str, Record]:
    return {record.attack.name: record for record in outcome.records}


def test_the_record_says_how_outputs_are_compared(records: dict[str, Record]) -> None:
    assert list(records) == ["noise", *ATTACKS]
    for record in records.values():
        model = record.victim.model
        assert (model.bits, model.distance) == (None, Distance.COSINE)
        assert record.scoring.protocols.keys() == {"map"}, "a precision within two bits does not exist here"
        assert {"cosine", "psnr", "linf"} <= record.outcome.imagery.keys()
        assert "hamming" not in record.outcome.imagery


def test_attacks_move_descriptors_and_spoil_the_ranking(records: dict[str, Record]) -> None:
    clean, noise = records["noise"].measure(CLEAN).value, records["noise"].measure().value
    assert clean > records["noise"].outcome.floors[Against.OWN]["random"] + 0.1
    for name in ("descriptor", "strongest/descriptors"):
        assert records[name].measure().value < min(clean, noise) - 0.1
        assert records[name].outcome.imagery["cosine"] > records["noise"].outcome.imagery["cosine"]
    assert records["strongest/descriptors"].measure().value <= records["descriptor"].measure().value
    pulled = records["descriptor-p2s"]
    assert pulled.measure().value > pulled.measure(CLEAN).value
    assert pulled.attack.against is Against.TARGET
    asked = records["square/ids"]
    assert asked.access is Access.QUERIES
    assert 0 < asked.outcome.cost.queries <= 12 * 30


def test_descriptors_are_stored_with_the_distance_step_by_step(records: dict[str, Record], folder: Path) -> None:
    store = ResultStore(folder)
    record = records["descriptor"]
    arrays, size = store.arrays(record).to_arrays(), record.victim.model.size
    for stage in (CLEAN, ADVERSARIAL):
        assert arrays[stage].shape == (12, size)
        assert arrays[stage].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(arrays[stage], axis=1), 1, rtol=1e-5)
    moved = 1 - (arrays[CLEAN] * arrays[ADVERSARIAL]).sum(1)
    np.testing.assert_allclose(arrays["cosine"], moved, atol=1e-5)
    trace = arrays["trace"]
    assert trace.shape == (12, 16)
    assert trace.dtype == np.float32
    assert (np.diff(trace, axis=1) <= 0).all()  # the best so far
    np.testing.assert_allclose(trace[:, -1], 2 - arrays["cosine"], atol=1e-5)  # the aim is the opposite descriptor
    database = store.database(record)
    assert database["packed"].dtype == np.float32
    similarity = arrays[ADVERSARIAL] @ database["packed"].T
    nearest = np.take_along_axis(similarity, arrays["adversarial/neighbours"][:, :1], axis=1)
    np.testing.assert_allclose(nearest[:, 0], similarity.max(1), atol=1e-6)


def test_scoring_again_is_evaluating_again(
    records: dict[str, Record], folder: Path, host: PluginHost, tmp_path: Path
) -> None:
    metrics = ("map@1000", "map")
    again = rescore(list(records.values()), RunSettings(metrics=metrics, retriever="torch"), host, results=folder)
    setting = replace(SETTING, metrics=metrics, retriever="torch")
    expected = evaluate(replace(REQUEST, setting=setting), host, results=tmp_path).records
    found = {record.digest: record.reproducible() for record in again}
    assert found == {record.digest: record.reproducible() for record in expected}


def test_unit_descriptors_rank_alike_by_cosine_and_by_l2(
    records: dict[str, Record], host: PluginHost, tmp_path: Path
) -> None:
    options = {"features": {"metric": "l2"}, "descriptor": OPTIONS["descriptor"]}
    request = replace(REQUEST, attacks=("descriptor",), setting=replace(SETTING, options=options))
    outcome = evaluate(request, host, results=tmp_path)
    assert not outcome.failures, outcome.failures
    record = outcome.records[-1]
    assert record.victim.model.distance is Distance.L2
    assert record.measure(CLEAN).value == pytest.approx(records["descriptor"].measure(CLEAN).value, abs=1e-6)
    assert 0 < record.outcome.imagery["l2"] <= 16
    assert record.digest != records["descriptor"].digest


def test_the_yardstick_of_descriptors_is_taken_where_no_attack_is_named(host: PluginHost, tmp_path: Path) -> None:
    options = {name: one for name, one in OPTIONS.items() if name not in ("descriptor-p2s", "square/ids")}
    request = replace(REQUEST, attacks=None, setting=replace(SETTING, queries=4, options=options))
    names = [record.attack.name for record in evaluate(request, host, results=tmp_path).records]
    assert names == ["noise", "strongest/descriptors"]


@pytest.mark.parametrize("attack", ["rnm", "square", "sdha"])
def test_an_attack_on_codes_is_refused(attack: str, host: PluginHost, tmp_path: Path) -> None:
    request = replace(REQUEST, attacks=(attack,), setting=replace(SETTING, options={}))
    outcome = evaluate(request, host, results=tmp_path)
    (failure,) = outcome.failures
    assert isinstance(failure.error, CapabilityError)
    assert "hamming" in failure.error.message
    assert "cosine" in failure.error.message
    assert [record.attack.name for record in outcome.records] == ["noise"]


def test_codes_and_descriptors_stand_in_tables_of_their_own(
    records: dict[str, Record], host: PluginHost, tmp_path: Path
) -> None:
    request = replace(REQUEST, models=("lsh",), attacks=(), setting=replace(SETTING, options={}))
    hashed = evaluate(request, host, results=tmp_path).records
    sections = build_leaderboard([*records.values(), *hashed]).sections
    names = [{row.model.split()[0] for row in section.rows if row.model} for section in sections]
    assert sorted(names, key=str) == [{"features"}, {"lsh"}]


def test_pictures_and_the_command_line_know_descriptors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--model", "features", "-o", "descriptor.steps=5", "--queries", "3", "--quiet", "--device", "cpu"]
    assert run(["attack", *common, "--attack", "descriptor", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "on average descriptors moved by" in told
    assert "bits" not in told
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for picture in manifest["images"]:
        assert picture["bits"] is picture["clean_code"] is picture["adversarial_code"] is None
        assert 0 < picture["moved"] <= 2
    assert run(["eval", *common, "--attack", "descriptor", "--results", str(tmp_path / "results")]) == 0
    shown = capsys.readouterr().out
    assert "features" in shown
    assert " d" in shown
    digest = json.loads(next((tmp_path / "results").rglob("descriptor-*.json")).read_text())["digest"]
    assert run(["show", digest[:12], "--results", str(tmp_path / "results")]) == 0
    assert "cosine" in capsys.readouterr().out
