"""A submission holds as it was evaluated, and each way to forge one is refused by what it breaks."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.contracts import silent
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.tasks.rescore import again
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.files.storage import digest
from robusthash.host import PluginHost
from robusthash.results import Record, ResultStore, read_record
from robusthash.results.records.flat import identity
from robusthash.results.submission import files
from robusthash.results.submission.finding import Check

pytestmark = pytest.mark.usefixtures("cache")

TRAINED = {"train": {"epochs": "3"}}
REQUEST = Request(
    models=("dpsh",),
    attacks=("rnm", "rnm-p2s"),
    epsilons=(0.1,),
    setting=RunSettings(
        queries=12,
        shard_size=8,
        options={**TRAINED, "rnm": {"steps": "5"}, "rnm-p2s": {"steps": "5"}},
    ),
)
Forge = Callable[[Path], Any]


@pytest.fixture(scope="module")
def sound(host: PluginHost, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "smith"
    found = evaluate(REQUEST, host, results=folder)
    describe(folder, found.records[0])
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "smith", ignore=shutil.ignore_patterns(".*")))


def describe(folder: Path, record: Record, **changes: str) -> None:
    entries = {"who": "A. Author", "contact": "a@example.org", "licence": "CC-BY-4.0", **changes}
    lines = [f"{name} = {json.dumps(value)}" for name, value in entries.items() if value]
    weights = f'[[weights]]\ndigest = "{record.victim.model.digest[:12]}"\ncommand = "robusthash train dpsh"\n'
    (folder / "submission.toml").write_text("\n".join([*lines, "", weights]))


def examined(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, str]]]:
    allowed = [word for flag in ("RH003", "RH004", "RH012", "RH016", "RH017") for word in ("--allow", flag)]
    code = run(["submission", "check", *map(str, arguments), *allowed, "--json"])
    return code, json.loads(capsys.readouterr().out)["findings"]


def path_of(folder: Path, attack: str = "rnm") -> Path:
    return next(path for path in folder.rglob(f"{attack}-*.json") if read_record(path).attack.name == attack)


def told(change: Callable[[dict[str, Any]], object], attack: str = "rnm", *, signed: bool = True) -> Forge:
    """Changes what a record says; signed, it gets the digest and the place that this says."""

    def forge(folder: Path) -> None:
        path = path_of(folder, attack)
        content = json.loads(path.read_text())
        change(content)
        if signed:
            content["digest"] = digest(identity(content))
        path.write_text(json.dumps(content))
        if signed:
            own = ResultStore(folder).path_of(read_record(path))
            own.parent.mkdir(parents=True, exist_ok=True)
            for beside in path.parent.glob("database-*.npz"):
                if own.parent != path.parent:
                    shutil.copy(beside, own.parent)
            path.with_suffix(".npz").rename(own.with_suffix(".npz"))
            path.rename(own)

    return forge


def stored(change: Callable[[dict[str, np.ndarray]], object], pattern: str = "rnm-[0-9a-f]*.npz") -> Forge:
    """Changes the arrays in a file."""

    def forge(folder: Path) -> None:
        path = next(folder.rglob(pattern))
        arrays = read_arrays(path)
        change(arrays)
        write_arrays(path, arrays)

    return forge


def both(*forges: Forge) -> Forge:
    return lambda folder: [forge(folder) for forge in forges]


def described(**changes: str) -> Forge:
    return lambda folder: describe(folder, read_record(path_of(folder)), **changes)


def _strong(content: dict[str, Any]) -> None:
    for part in content["metrics"]["adversarial"]["map"]:
        content["metrics"]["adversarial"]["map"][part] += 0.05


def _inverted(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays[name] = arrays[name].copy()
    arrays[name][0] ^= 255


def _far(arrays: dict[str, np.ndarray]) -> None:
    arrays["linf"] = np.full_like(arrays["linf"], 0.5)


def _twice(folder: Path) -> None:
    shutil.copy(path_of(folder).with_suffix(".npz"), path_of(folder).with_name("rnm-000000000000.npz"))


def _without(folder: Path, pattern: str) -> None:
    for path in folder.rglob(pattern):
        path.unlink()


FORGERIES: dict[str, tuple[Forge, Check, str]] = {
    "another number": (told(_strong), Check.NUMBERS, "adversarial map is"),
    "a narrower interval": (
        told(lambda one: one["metrics"]["clean"]["map"].update(low=one["metrics"]["clean"]["map"]["value"])),
        Check.NUMBERS,
        "clean map (low) is",
    ),
    "another band of ties": (
        told(lambda one: one["metrics"]["adversarial"]["map"].update(worst=0.0)),
        Check.NUMBERS,
        "adversarial map (worst) is",
    ),
    "another number for the target": (
        told(lambda one: one["metrics"]["adversarial"]["t-map"].update(value=0.99), "rnm-p2s"),
        Check.NUMBERS,
        "adversarial t-map is",
    ),
    "another floor": (told(lambda one: one["floors"].update(random=0.3)), Check.NUMBERS, "floor random"),
    "a number too many": (
        told(lambda one: one["metrics"]["clean"].update(recall=one["metrics"]["clean"]["map"])),
        Check.NUMBERS,
        "clean recall is",
    ),
    "scores of queries": (stored(lambda one: one.update({"clean/map": one["clean/map"][::-1]})), Check.NUMBERS, "map"),
    "codes of queries": (stored(lambda one: _inverted(one, "adversarial")), Check.NUMBERS, "hamming is not"),
    "codes of the clean queries": (stored(lambda one: _inverted(one, "clean")), Check.ARRAYS, "are not those of"),
    "codes of the database": (
        stored(lambda one: _inverted(one, "packed"), "database-*.npz"),
        Check.NUMBERS,
        "and from the arrays",
    ),
    "labels of queries": (stored(lambda one: one.update(labels=one["labels"][::-1])), Check.ARRAYS, "labels"),
    "fewer rows": (
        stored(lambda one: one.update({name: array[:5] for name, array in one.items()})),
        Check.ARRAYS,
        "has 5 rows, and the record 12 queries",
    ),
    "a radius that was not kept": (
        both(stored(_far), told(lambda one: one["imagery"].update(linf=0.5))),
        Check.NUMBERS,
        "flags is none, and from the arrays RH001",
    ),
    "changes without changes": (
        both(
            stored(lambda one: one.update(linf=np.zeros_like(one["linf"]))),
            told(lambda one: one["imagery"].update(linf=0.0)),
        ),
        Check.ARRAYS,
        "whose inputs did not",
    ),
    "a mean of the pictures": (told(lambda one: one["imagery"].update(psnr=60.0)), Check.ARRAYS, "psnr is 60"),
    "a flag": (told(lambda one: one["flags"].append({"id": "RH007", "message": "x"})), Check.FLAGS, "RH007"),
    "another option": (
        told(lambda one: one["attack"]["options"].update(steps=9), signed=False),
        Check.RECORD,
        "digest",
    ),
    "another data set": (told(lambda one: one["dataset"].update(digest="f" * 64)), Check.COMPARABLE, "dataset_digest"),
    "another name for the data": (
        told(lambda one: one["dataset"].update(name="imagenet")),
        Check.COMPARABLE,
        "the data are the same",
    ),
    "another protocol": (told(lambda one: one["protocols"].update(map="map/mine")), Check.COMPARABLE, "map/mine"),
    "a name with markup": (told(lambda one: one["attack"].update(name="<script>")), Check.TEXT, "markup"),
    "an option with an escape": (
        told(lambda one: one["attack"]["options"].update({"\x1b[2J": 1})),
        Check.TEXT,
        "does not print",
    ),
    "a long name": (told(lambda one: one["model"].update(backbone="x" * 500)), Check.TEXT, "500 characters"),
    "no reference": (lambda folder: _without(folder, "noise-*"), Check.REFERENCE, "no reference attack"),
    "no arrays": (lambda folder: _without(folder, "rnm-p2s-*.npz"), Check.ARRAYS, "No such file"),
    "no database": (lambda folder: _without(folder, "database-*"), Check.ARRAYS, "No such file"),
    "arrays of no record": (_twice, Check.RECORD, "belong to no record"),
    "another place": (lambda folder: path_of(folder).rename(folder / "rnm.json"), Check.RECORD, "its place is"),
    "no record": (lambda folder: (folder / "a.json").write_text("{}"), Check.RECORD, "is not a record"),
    "no description": (lambda folder: _without(folder, "submission.toml"), Check.DESCRIPTION, "No such file"),
    "nobody": (described(who=""), Check.DESCRIPTION, "who"),
    "a script": (described(code="javascript:alert(1)"), Check.DESCRIPTION, "code"),
    "a strange licence": (described(licence="<b>"), Check.DESCRIPTION, "licence"),
    "an unknown entry": (described(extra="x"), Check.DESCRIPTION, "extra"),
    "an escape": (described(note="\x1b"), Check.DESCRIPTION, "does not print"),
    "other weights": (
        lambda folder: (folder / "submission.toml").write_text(
            (folder / "submission.toml").read_text().replace('digest = "', 'digest = "0000')
        ),
        Check.WEIGHTS,
        "how the weights of dpsh 32 bit are found",
    ),
    "a link": (lambda folder: (folder / "a.json").symlink_to("/etc/passwd"), Check.FILES, "not a regular file"),
    "a pipe": (lambda folder: os.mkfifo(folder / "a.json"), Check.FILES, "not a regular file"),
    "code": (lambda folder: (folder / "setup.py").write_text("raise SystemExit"), Check.FILES, "not a part"),
    "a hidden file": (lambda folder: (folder / ".env").write_text("a"), Check.FILES, "letters, digits"),
    "a hostile file": (lambda folder: (folder / "$(id)\n.json").write_text("{}"), Check.FILES, "letters, digits"),
    "no archive": (lambda folder: path_of(folder).with_suffix(".npz").write_text("x"), Check.FILES, "not an archive"),
}


def test_what_was_evaluated_is_accepted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert examined(capsys, folder) == (0, [])
    assert run(["submission", "check", str(folder), "--allow", "RH003"]) == 0
    assert "accepted" in capsys.readouterr().out


@pytest.mark.parametrize("name", FORGERIES)
def test_each_forgery_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    forge, check, message = FORGERIES[name]
    forge(folder)
    code, found = examined(capsys, folder)
    assert code == 3
    assert [one for one in found if one["check"] == check and message in one["message"]], found
    for one in found:
        assert one["hint"]
        assert one["file"].startswith(str(folder))
        assert one["message"].isprintable()


def test_every_check_refuses_something() -> None:
    unwired = {Check.NEW, Check.REPRODUCTION}  # tested below, and where records are reproduced
    assert {check for _, check, _ in FORGERIES.values()} == set(Check) - unwired


def test_what_is_on_the_board_is_not_new(folder: Path, sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = examined(capsys, folder, "--board", sound)
    assert code == 3
    assert {one["check"] for one in found} == {"new"}
    code, found = examined(capsys, folder, folder)
    assert {one["check"] for one in found} == {"new"}


def test_a_board_with_other_queries_is_not_joined(
    folder: Path, tmp_path: Path, host: PluginHost, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(REQUEST, attacks=("noise",), setting=replace(REQUEST.setting, queries=11, options=TRAINED))
    evaluate(other, host, results=tmp_path / "board")
    code, found = examined(capsys, folder, "--board", tmp_path / "board")
    assert code == 3
    assert {one["check"] for one in found} == {"comparable"}
    assert all("queries is 12, and theirs 11" in one["message"] for one in found)


def test_a_metric_that_is_not_installed_is_inconclusive(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rename(content: dict[str, Any]) -> None:
        for measures in content["metrics"].values():
            measures["mine"] = measures["map"]
        content["protocols"]["mine"] = "mine"

    told(rename)(folder)
    code, found = examined(capsys, folder)
    assert code == 4
    assert [(one["check"], one["state"]) for one in found] == [("numbers", "inconclusive")]


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_UNPACKED", "MOST_FILES"])
def test_too_much_is_refused_unread(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(files, limit, 3)
    code, found = examined(capsys, folder)
    assert code == 3
    assert {one["check"] for one in found} == {"files"}


def test_an_empty_folder_has_nothing_to_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["submission", "check", str(tmp_path / "missing")]) == 2
    describe_only = tmp_path / "empty"
    describe_only.mkdir()
    lines = 'who = "A"\ncontact = "a@example.org"\nlicence = "MIT"\n'
    (describe_only / "submission.toml").write_text(lines)
    assert run(["submission", "check", str(describe_only)]) == 5
    assert "no records" in capsys.readouterr().err


def test_github_is_told_where(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    told(_strong)(folder)
    assert run(["submission", "check", str(folder), "--allow", "RH003"]) == 3
    out, err = capsys.readouterr()
    assert f"::error file={path_of(folder)},title=submission%3A numbers::adversarial map is" in err
    assert "REFUSED" in out


def _consistent(folder: Path, host: PluginHost) -> None:
    """Claims that the attack changed no code of the first queries, and makes every number follow from that."""
    path, store = path_of(folder), ResultStore(folder)
    record = read_record(path)
    arrays = store.arrays(record)
    codes = dict(arrays.codes)
    for stage in ("adversarial", "unrounded"):
        codes[stage] = np.concatenate([codes["clean"][:4], codes[stage][4:]])
    changed = unpacked(codes["clean"]) != unpacked(codes["adversarial"])
    columns = {**arrays.columns, "hamming": changed.sum(1).astype(arrays.columns["hamming"].dtype)}
    imagery = {**record.outcome.imagery, "hamming": float(columns["hamming"].mean())}
    record = replace(record, outcome=replace(record.outcome, imagery=imagery))
    arrays = replace(arrays, codes=codes, columns=columns)
    metrics = tuple(record.scoring.protocols)
    setting = RunSettings(metrics=(record.scoring.headline, *(name for name in metrics if name != "map")))
    reference = read_record(path_of(folder, "noise"))
    resources = Resources(setting, host, silent)
    forged, scores = again(record, record, arrays, store.database(record), resources, reference)
    store.save(forged, scores)


def unpacked(codes: np.ndarray) -> np.ndarray:
    return np.unpackbits(codes, axis=1)


def test_a_consistent_forgery_is_found_by_reproducing_alone(
    folder: Path, host: PluginHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examined(capsys, folder, "--reproduce", 8, "--quiet") == (0, [])
    _consistent(folder, host)
    assert examined(capsys, folder) == (0, [])
    code, found = examined(capsys, folder, "--reproduce", 8, "--quiet")
    assert code == 3
    assert [(one["check"], Path(one["file"])) for one in found] == [("reproduction", path_of(folder))]
    assert "codes" in found[0]["message"]


def test_what_cannot_be_made_again_is_inconclusive(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(lambda one: one["attack"].update(name="mine", owner="nobody 1.0"))(folder)
    code, found = examined(capsys, folder, "--reproduce", 8, "--quiet")
    assert code == 4
    assert [(one["check"], one["state"]) for one in found] == [("reproduction", "inconclusive")]
    assert "mine" in found[0]["message"]
