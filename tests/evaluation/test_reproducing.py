"""Records are made again to the byte, and what was changed is found and named."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.cli.entry import run
from robusthash.contracts import silent
from robusthash.errors import UsageError
from robusthash.evaluation import Given, Request, RunSettings, evaluate, train_victim
from robusthash.evaluation.reproducing.outcome import Kept, Reproduction, Verdict, exit_code
from robusthash.evaluation.reproducing.picturing import picture_file
from robusthash.evaluation.reproducing.reproduce import reproduce_file
from robusthash.files.caching import cache_folder
from robusthash.host import PluginHost
from robusthash.results import ResultStore, read_record
from robusthash.results.records.pictures import worst_queries

pytestmark = pytest.mark.usefixtures("cache")

OPTIONS = {"train": {"epochs": 2}, "rnm": {"steps": 4}, "hinge-p2s": {"steps": 4}}
SETTING = RunSettings(queries=10, shard_size=4, options=OPTIONS)
REQUEST = Request(
    models=("dpsh",),
    surrogates=("csq", "dpsh"),
    attacks=("rnm", "hinge-p2s"),
    bits=(16,),
    epsilons=(0.1,),
    setting=SETTING,
)


@pytest.fixture(scope="module")
def folder(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    assert not evaluate(REQUEST, host, results=folder).failures
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "results"))


def one(folder: Path, attack: str = "rnm", *, transfer: bool = False) -> Path:
    """The file of an attack's record."""
    store = ResultStore(folder)
    records = store.load_all()[0]
    found = [each for each in records if each.attack.name == attack and bool(each.attack.surrogate) is transfer]
    return store.path_of(found[0])


def test_every_record_is_the_same(folder: Path, host: PluginHost) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = [reproduce_file(path, host) for path in ResultStore(folder).files(None)]
    assert len(found) == 5  # noise, and two attacks, each white-box and transferred
    for each in found:
        assert (each.verdict, each.first) == (Verdict.SAME, ""), each
        assert [part.what for part in each.compared] == list(Kept)
        assert all(part.equal and part.of for part in each.compared)
    assert exit_code(found) == 0
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}  # nothing is written


def test_some_queries_are_whole_shards(folder: Path, host: PluginHost) -> None:
    found = reproduce_file(one(folder), host, queries=5)
    assert (found.verdict, found.queries) == (Verdict.SAME, 8)
    assert [part.of for part in found.compared if part.what is Kept.INPUTS] == [8]


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rewritten(path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    with np.load(path) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(path, **arrays)


def flipped(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][3] = arrays[name][3] ^ 255 if arrays[name].dtype == np.uint8 else arrays[name][3] + 1

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        del content[name]

    return change


def better(content: dict[str, Any]) -> None:
    content["metrics"]["adversarial"]["map"]["value"] += 0.2


def without_flags(content: dict[str, Any]) -> None:
    content["flags"] = [{"id": "RH099", "message": "made up"}]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (better, "stored numbers: adversarial map is 0."),
        (without_flags, "stored numbers: flags is RH099"),
        (lambda content: content["cost"].update(forward=1), "numbers: cost forward is 1 in the record"),
        (lambda content: content["imagery"].update(psnr=99.0), "stored numbers: psnr is 99.0"),
        (lambda content: content.update(epsilon=0.5), "was changed after it was written"),
    ],
)
def test_a_tampered_number_is_found(
    copy: Path, host: PluginHost, change: Callable[[dict[str, Any]], None], first: str
) -> None:
    path = one(copy)
    edited(path, change)
    found = reproduce_file(path, host)
    assert first in found.first
    assert found.exit_code == (2 if found.record is None else 3)


@pytest.mark.parametrize(
    ("array", "first"),
    [
        ("pixels", "inputs: query 3"),
        ("adversarial", "stored numbers: "),
        ("clean/map", "stored numbers: clean/map of each query"),
        ("linf", "stored numbers: linf"),
        ("ids", "inputs: query 3"),
    ],
)
def test_a_tampered_array_is_found(copy: Path, host: PluginHost, array: str, first: str) -> None:
    path = one(copy)
    rewritten(path.with_suffix(".npz"), flipped(array))
    found = reproduce_file(path, host)
    assert (found.verdict, found.first[: len(first)]) == (Verdict.DIFFERENT, first)


def test_a_forgery_that_agrees_with_itself_is_found(copy: Path, host: PluginHost) -> None:
    """Numbers, scores and codes of an attack that never was: those of the clean queries."""
    path = one(copy)

    def kind(content: dict[str, Any]) -> None:
        content["metrics"]["adversarial"] = content["metrics"]["clean"]
        content["search"]["adversarial"] = content["search"]["clean"]
        content["imagery"]["hamming"] = 0.0
        content["flags"] = []

    def arrays(stored: dict[str, np.ndarray]) -> None:
        for name in [name for name in stored if name.partition("/")[0] == "adversarial"]:
            stored[name] = stored[name.replace("adversarial", "clean")]
        stored["hamming"] = np.zeros_like(stored["hamming"])

    edited(path, kind)
    rewritten(path.with_suffix(".npz"), arrays)
    found = reproduce_file(path, host)
    assert found.verdict is Verdict.DIFFERENT
    assert not next(part for part in found.compared if part.what is Kept.CODES).equal


def test_a_tampered_database_is_found(copy: Path, host: PluginHost) -> None:
    path = one(copy)
    rewritten(next(path.parent.glob("database-*.npz")), flipped("packed"))
    found = reproduce_file(path, host)
    assert found.verdict is Verdict.DIFFERENT
    assert "item 3 is the first to differ" in next(part for part in found.compared if part.what is Kept.DATABASE).first


def test_a_swapped_checkpoint_is_found(folder: Path, host: PluginHost, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    train_victim(
        "dpsh", 16, replace(SETTING, seed=9, options={"train": {"epochs": 2}}), host, output=other, progress=silent
    )
    found = reproduce_file(one(folder), host, Given(checkpoints=(other,)))
    assert found.verdict is Verdict.DIFFERENT
    assert found.first.startswith("weights of the victim")


def test_without_its_reference_all_other_flags_are_found_again(copy: Path, host: PluginHost) -> None:
    path = one(copy)
    one(copy, "noise").unlink()
    assert reproduce_file(path, host, queries=1).verdict is Verdict.SAME
    edited(path, without_flags)
    assert "flags is RH099" in reproduce_file(path, host, queries=1).first


def test_a_changed_picture_is_found(host: PluginHost, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    pictures = [tmp_path / "photographs" / f"class{place % 2}" / f"{place:02d}.png" for place in range(40)]
    for path in pictures:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    given = Given(data_root=tmp_path / "photographs")
    setting = RunSettings(dataset="folder", data_root=given.data_root, image_size=16, backbone="small-cnn", queries=4)
    request = Request(models=("lsh",), attacks=("noise",), setting=setting)
    record = evaluate(request, host, results=tmp_path / "r").records[0]
    file = ResultStore(tmp_path / "r").path_of(record)
    assert reproduce_file(file, host, given).verdict is Verdict.SAME
    Image.fromarray(np.zeros((16, 16, 3), dtype=np.uint8)).save(pictures[0])
    found = reproduce_file(file, host, given)
    assert found.verdict is Verdict.DIFFERENT
    assert {each.what for each in found.deviations} <= {"attacked queries", "split of the dataset"}
    missing = reproduce_file(file, host)
    assert (missing.verdict, missing.exit_code) == (Verdict.FAILED, 2)


def test_the_command_tells_and_ends_with_the_verdict(
    copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = one(copy)
    assert run(["reproduce", str(path), "--queries", "4", "--quiet", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["verdict"], each["first"]) for each in told] == [("same", "")]
    edited(path, better)
    assert run(["reproduce", path.stem.rpartition("-")[2], "--results", str(copy), "--queries", "4", "--quiet"]) == 3
    assert "adversarial map is 0." in capsys.readouterr().out
    (copy / "none").mkdir()
    assert run(["reproduce", str(copy / "none")]) == 5


def under(folder: Path, host: PluginHost, conditions: Mapping[str, int]) -> Reproduction:
    given = Given(shard_size=conditions.get("shard_size"))
    return reproduce_file(one(folder), host, given, threads=conditions.get("threads"))


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({"shard_size": 3}, "shard size: 4 in the record, 3 here"),
        pytest.param({"threads": 3}, "threads: ", marks=pytest.mark.slow),
    ],
)
def test_other_conditions_are_told(folder: Path, host: PluginHost, conditions: Mapping[str, int], told: str) -> None:
    found = under(folder, host, conditions)
    assert any(str(each).startswith(told) for each in found.conditions)
    assert found.verdict in (Verdict.SAME, Verdict.INCONCLUSIVE)


def test_another_torch_is_why_bytes_may_differ(copy: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another version, bytes that differ are inconclusive while the numbers are close, and different if not."""
    path = one(copy)
    given = Given(checkpoints=tuple(_cached("dpsh")))
    monkeypatch.setattr(torch, "__version__", "9.9.0")
    found = reproduce_file(path, host, given)
    assert found.verdict is Verdict.SAME
    assert next(str(each) for each in found.conditions if "torch" in each.what).endswith("9.9.0 here")
    rewritten(path.with_suffix(".npz"), flipped("pixels"))
    found = reproduce_file(path, host, given)
    assert (found.verdict, found.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert "version of torch" in found.first


def test_a_record_without_digests_is_told(copy: Path, host: PluginHost) -> None:
    path = one(copy)
    rewritten(path.with_suffix(".npz"), without("pixels"))
    edited(path, without("origins"))
    found = reproduce_file(path, host)
    assert found.verdict is Verdict.SAME
    assert any("no digests of inputs" in part.first for part in found.compared)


def _cached(model: str) -> list[Path]:
    """The checkpoints of a model in the cache; reproduce chooses the one with the record's weights."""
    return sorted((cache_folder() / "checkpoints").glob(f"{model}-digits-16bit-*.safetensors"))


def test_pictures_of_the_worst_queries_are_made_from_the_record(copy: Path, host: PluginHost, tmp_path: Path) -> None:
    path = one(copy, transfer=True)
    assert run(["reproduce", str(path), "--queries", "4", "--keep-pictures", "2", "--quiet"]) == 0
    store = ResultStore(copy)
    record = read_record(path)
    kept, arrays = store.pictures(record), store.arrays(record)
    assert kept is not None
    assert kept.rows.tolist() == worst_queries(record, arrays, 2).tolist()
    assert [one.name for one in copy.rglob("*.pictures.npz")] == [f"{path.stem}.pictures.npz"]
    elsewhere = tmp_path / "alone.json"
    shutil.copy(path, elsewhere)
    with pytest.raises(UsageError, match="is not where a results folder has it"):
        picture_file(elsewhere, host, count=2)
