"""Codes in files: the scores of the same codes in memory, whoever made them, and one clear error for what is wrong."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import robusthash as rh
from robusthash import metrics
from robusthash.cli import run
from robusthash.contracts import Executor, FinishedShard, Running, ShardTask, Workplace
from robusthash.errors import ContractError
from robusthash.evaluation import score_files
from robusthash.evaluation.finding import counted
from robusthash.host import PluginHost

QUERIES, ITEMS, BITS, CLASSES = 12, 90, 20, 11


class Files:
    """Codes and labels as arrays, and as files in every form."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.clean, self.attacked, self.items = (random.integers(2, size=(n, BITS)) for n in (QUERIES, QUERIES, ITEMS))
        self.wanted, self.present = (random.random((n, CLASSES)) < 0.2 for n in (QUERIES, ITEMS))
        self.ids = random.integers(4, size=QUERIES), random.integers(4, size=ITEMS)
        for name in ("clean", "attacked", "items"):
            codes = getattr(self, name)
            np.save(f"{name}.npy", (2 * codes - 1).astype(np.int8))
            np.save(f"{name}_packed.npy", np.packbits(codes, axis=1))
        for name, labels, ids in (("wanted", self.wanted, self.ids[0]), ("present", self.present, self.ids[1])):
            np.save(f"{name}.npy", labels)
            np.save(f"{name}_packed.npy", np.packbits(labels, axis=1))
            np.save(f"{name}_ids.npy", ids)


@pytest.fixture
def files(place: Path) -> Files:
    return Files()


def scored(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    code = run(["score", *arguments, "--json", "--quiet"])
    out, err = capsys.readouterr()
    assert code == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


@pytest.mark.parametrize("relevance", metrics.Relevance)
@pytest.mark.parametrize("form", ["", "_packed"])
def test_files_score_as_their_codes_do(
    form: str, relevance: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{name}{form}.npy" for name in ("clean", "attacked")]
    labels = ["--labels", f"wanted{form}.npy", "--database-labels", f"present{form}.npy"]
    packed = ["--bits", str(BITS), "--classes", str(CLASSES)] if form else []
    answer = scored(capsys, *names, "--database", f"items{form}.npy", *labels, *packed, "--relevance", relevance)
    assert [one["path"] for one in answer["files"]] == names
    for one, codes in zip(answer["files"], (files.clean, files.attacked), strict=True):
        given = codes, files.wanted, files.items, files.present
        assert list(one["measures"]) == ["map", "precision@r2"]
        assert one["measures"]["map"]["value"] == metrics.map(*given, relevance=relevance)
        assert one["measures"]["map"]["low"] < one["measures"]["map"]["value"] < one["measures"]["map"]["high"]
    floors = [one(files.wanted, files.present, relevance=metrics.Relevance(relevance)) for one in FLOORS]
    assert [answer["random"], answer["worst"]] == pytest.approx(floors, abs=1e-12)
    assert (answer["queries"], answer["items"], answer["bits"]) == (QUERIES, ITEMS, BITS)
    assert answer["protocols"]["map"] == "map/tie-expected/v1"


FLOORS = metrics.random_floor, metrics.worst_floor


def test_class_ids_are_relevant_where_they_are_the_same(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["--labels", "wanted_ids.npy", "--database-labels", "present_ids.npy"]
    answer = scored(
        capsys, "clean.npy", "--database", "items.npy", *labels, "--metric", "map@1000", "-o", "map@1000.k=10"
    )
    expected = metrics.map(files.clean, files.ids[0], files.items, files.ids[1], k=10)
    assert answer["files"][0]["measures"]["map@10"]["value"] == expected
    assert answer["relevance"] == "exact"


@pytest.mark.usefixtures("place")
def test_what_hash_wrote_is_scored_as_an_evaluation_does(capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", "model.py:build", "--bits", "12", "--quiet"]
    for split in ("query", "database"):
        assert run(["hash", *model, "--split", split, "--output", f"{split}.safetensors"]) == 0
    answer = scored(capsys, "query.safetensors", "--database", "database.safetensors")
    queries, items = (rh.Hashed.read(f"{split}.safetensors") for split in ("query", "database"))
    expected = metrics.map(queries.codes, queries.labels, items.codes, items.labels)
    assert answer["files"][0]["measures"]["map"]["value"] == expected
    model[1] = "other.py:build"
    assert run(["hash", *model, "--split", "query", "--output", "o.safetensors"]) == 0
    capsys.readouterr()
    assert run(["score", "o.safetensors", "--database", "database.safetensors"]) == 2
    assert "cannot be searched: model" in capsys.readouterr().err


def test_people_read_a_table(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["--labels", "wanted.npy", "--database-labels", "present.npy"]
    assert run(["score", "clean.npy", "attacked.npy", "--database", "items.npy", *labels]) == 0
    out = capsys.readouterr().out
    value = metrics.map(files.attacked, files.wanted, files.items, files.present)
    assert any(row.startswith("attacked.npy") and f"{value:.3f}" in row for row in out.splitlines())
    assert "12 queries, 90 items, 20 bits" in out


LABELS = ["--labels", "wanted.npy", "--database-labels", "present.npy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clean.npy", "--database", "items.npy"], "clean.npy holds no labels"),
        (["clean.npy", "--database", "items.npy", "--labels", "wanted.npy"], "items.npy holds no labels"),
        (["gone.npy", "--database", "items.npy", *LABELS], "gone.npy"),
        (["clean.npy", "--database", "wanted.npy", *LABELS], "the items of wanted.npy have 11 bits"),
        (["clean.npy", "items.npy", "--database", "items.npy", *LABELS], "items.npy has 90 codes of 20 bits"),
        (["clean.npy", "--database", "items.npy", *LABELS, "--classes", "11"], "not labels of 11 classes in bits"),
        (["clean.npy", "--database", "items_packed.npy", *LABELS], "the codes in items_packed.npy are neither"),
        (["clean.npy", "--database", "items.npy", *LABELS, "--bits", "20"], "the codes in clean.npy are not bytes"),
        (["model.py", "--database", "items.npy", *LABELS], "it is no .npy file"),
        (["clean.npy", "--database", "items.npy", *LABELS, "--metric", "mapp"], "mapp"),
        (
            ["clean.npy", "--database", "items.npy", "--labels", "present.npy", "--database-labels", "present.npy"],
            "the labels of the queries are 90, for 12 codes",
        ),
    ],
)
@pytest.mark.usefixtures("files")
def test_each_wrong_thing_is_one_clear_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "hint" in err
    assert "Traceback" not in err


FOUR = ["clean.npy", "attacked.npy", "--labels", "wanted.npy", "--database", "items.npy"]
FOUR += ["--database-labels", "present.npy"]


def test_parts_that_processes_count_add_up(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scored(capsys, *FOUR)
    monkeypatch.setattr(counted, "ITEMS", 40)  # three parts, the last one shorter
    assert scored(capsys, *FOUR) == whole
    assert scored(capsys, *FOUR, "--workers", "2") == whole


class Twice(Executor):
    """Counts a part of each database twice, or none, or what nobody asked for."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    @contextmanager
    def start(self, workplace: Workplace) -> Iterator[Running]:
        fault = self.fault

        class Faulty(Running):
            def run(self, tasks: Iterable[ShardTask]) -> Iterator[FinishedShard]:
                for task in tasks:
                    found = workplace.here(task)
                    if fault != "lost" or task.shard:
                        yield replace(found, result=3) if fault == "other" else found
                    if fault == "twice":
                        yield found

        yield Faulty()


@pytest.mark.parametrize("fault", ["twice", "lost", "other"])
def test_an_executor_that_miscounts_is_refused(
    fault: str, files: Files, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "ITEMS", 40)
    paths = {"labels": Path("wanted.npy"), "database_labels": Path("present.npy")}
    with pytest.raises(ContractError):
        score_files([Path("clean.npy")], Path("items.npy"), host, executor=Twice(fault), **paths)
