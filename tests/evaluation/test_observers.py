"""What an observer is told of a run that succeeds, fails in part, dies, is interrupted, or finds everything stored."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import Attack, AttackBatch, AttackContext
from robusthash.errors import StorageError, UsageError
from robusthash.evaluation import Processes, Request, RunOutcome, RunSettings, evaluate
from robusthash.events import Ending, ErrorInfo, RunEnd, RunInfo
from robusthash.frozen import freeze
from robusthash.host import PluginHost
from robusthash.results import QueryArrays, ResultStore
from robusthash.specs import PluginUse
from robusthash.training import Description, LogitModel, save_checkpoint

OBSERVER = """
import os
from robusthash import hookimpl

told = []

@hookimpl
def robusthash_run_started(cells, settings):
    told.append(("started", cells, settings))

@hookimpl
def robusthash_epoch_finished(epoch):
    told.append(("epoch", epoch))

@hookimpl
def robusthash_cell_finished(record, reused):
    told.append(("finished", record, reused))

@hookimpl
def robusthash_cell_failed(cell, owner, error):
    told.append(("failed", cell, owner, error))

@hookimpl
def robusthash_run_finished(records, seconds, end):
    told.append(("end", records, seconds, end))
"""

LINES = """
import sys
from robusthash import hookimpl

@hookimpl
def robusthash_run_started(cells):
    print("started", cells, file=sys.stderr, flush=True)

@hookimpl
def robusthash_run_finished(records, end):
    print("ended", end.how, len(records), end.error, file=sys.stderr, flush=True)
"""


class Failing(Attack):
    """Fails on its first query."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        raise ValueError("no luck")


class Interrupted(Attack):
    """Is stopped by the user on its first query."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        signal.raise_signal(signal.SIGINT)
        return batch.inputs


@pytest.fixture
def observed(site: Any) -> Callable[[], tuple[PluginHost, list[tuple[Any, ...]]]]:
    """Loads everything that is installed, and an observer; gives the list of what that is told."""

    def load() -> tuple[PluginHost, list[tuple[Any, ...]]]:
        module = site.install("an-observer", OBSERVER)
        host = PluginHost.load()
        assert not host.problems
        return host, sys.modules[module].told

    return load


@pytest.fixture
def model() -> LogitModel:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 8))
    return LogitModel(network, bits=8, image_size=16).requires_grad_(requires_grad=False).eval()


def request(model: Any, *attacks: Any, **setting: Any) -> Request:
    return Request(models=(model,), attacks=attacks, setting=RunSettings(queries=6, image_size=16, **setting))


def end(told: list[tuple[Any, ...]]) -> RunEnd:
    found: RunEnd = told[-1][3]
    return found


def test_a_run_is_told_from_its_request_to_its_end(
    observed: Callable[[], Any], model: LogitModel, tmp_path: Path
) -> None:
    host, told = observed()
    asked = replace(request(model, "hag", options={"hag": {"steps": 2}}), epsilons=(0.1, 0.2))
    outcome = evaluate(asked, host, results=tmp_path / "r")
    assert [event[0] for event in told] == ["started", *["finished"] * 4, "end"]
    cells, info = told[0][1:]
    assert cells == 4
    assert isinstance(info, RunInfo)
    assert info.models == ("LogitModel",)
    assert (info.attacks, info.epsilons, info.bits) == (("hag",), (0.1, 0.2), (32,))
    assert (info.dataset, info.queries, info.image_size, info.seed) == ("digits", 6, 16, 0)
    assert info.options["hag"]["steps"] == 2
    assert (info.results, info.executor, info.force) == (str(tmp_path / "r"), "Local", False)
    assert info.plain()["options"] == {"hag": {"steps": 2}}
    assert [event[1].digest for event in told[1:-1]] == [record.digest for record in outcome.records]
    assert not any(event[2] for event in told[1:-1])
    assert [record.to_json() for record in told[-1][1]] == [record.to_json() for record in outcome.records]
    assert end(told) == RunEnd(how=Ending.COMPLETE)


def test_the_epochs_of_an_attack_that_learns_are_told(
    observed: Callable[[], Any], model: LogitModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    host, told = observed()
    asked = request(model, "uap", options={"uap": {"steps": 20, "batch": 8}})
    evaluate(asked, host, results=tmp_path / "r")
    assert [event[0] for event in told] == ["started", "finished", *["epoch"] * 2, "finished", "end"]
    epochs = [event[1] for event in told if event[0] == "epoch"]
    assert [(one.training, one.epoch, one.epochs) for one in epochs] == [
        ("uap on LogitModel 8 bit", 1, 2),
        ("uap on LogitModel 8 bit", 2, 2),
    ]
    assert all(one.losses.keys() == {"loss", "validation"} and one.loss == one.losses["validation"] for one in epochs)
    pictures = sorted(path.name for path in (tmp_path / "r" / "samples").rglob("*.png"))
    assert pictures == ["00001.png", "00002.png"]
    told.clear()
    evaluate(asked, host, results=tmp_path / "again")
    assert "epoch" not in [event[0] for event in told], "what is cached is not learnt"
    assert not (tmp_path / "again" / "samples").exists()


def test_stored_cells_are_told_as_reused(observed: Callable[[], Any], model: LogitModel, tmp_path: Path) -> None:
    host, told = observed()
    first = evaluate(request(model, "noise"), host, results=tmp_path)
    told.clear()
    evaluate(request(model, "noise"), host, results=tmp_path)
    assert [event[0] for event in told] == ["started", "finished", "end"]
    assert told[1][2] is True
    assert told[1][1].digest == first.records[0].digest
    assert len(told[-1][1]) == 1


def test_a_failed_cell_is_told_with_its_cause(observed: Callable[[], Any], model: LogitModel, tmp_path: Path) -> None:
    host, told = observed()
    evaluate(request(model, Failing(), "hag", options={"hag": {"steps": 1}}), host, results=tmp_path)
    assert [event[0] for event in told] == ["started", "finished", "failed", "finished", "end"]
    cell, owner, error = told[2][1:]
    assert (cell.model, cell.attack, cell.bits, cell.defense) == ("LogitModel", "Failing", 8, None)
    assert "test_observers:Failing" in owner
    assert error.kind == "PluginError"
    assert "no luck" in error.message
    assert end(told) == RunEnd(how=Ending.INCOMPLETE, failed=1)


def test_a_run_that_dies_or_is_interrupted_is_told_as_such(
    observed: Callable[[], Any], model: LogitModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, told = observed()
    with pytest.raises(KeyboardInterrupt):
        evaluate(request(model, Interrupted()), host, results=tmp_path)
    assert [event[0] for event in told] == ["started", "finished", "end"]
    assert len(told[-1][1]) == 1
    assert end(told) == RunEnd(how=Ending.INTERRUPTED)
    told.clear()

    def full(_store: ResultStore, _record: object, _arrays: QueryArrays) -> None:
        raise StorageError("No space left on device", hint="make some")

    monkeypatch.setattr(ResultStore, "save", full)
    with pytest.raises(StorageError):
        evaluate(request(model, "noise", seed=1), host, results=tmp_path)
    assert [event[0] for event in told] == ["started", "end"]
    expected = ErrorInfo(kind="StorageError", message="No space left on device", hint="make some")
    assert end(told) == RunEnd(how=Ending.DIED, error=expected)


def test_a_training_is_told_by_epochs_and_a_collapsed_one_stops_no_other_model(
    observed: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    host, told = observed()
    setting = RunSettings(queries=6, options={"train": {"epochs": 2, "lr": 1e30}, "noise": {}})
    asked = Request(models=("dpsh", "lsh", "hashnet"), attacks=("noise", "hag"), bits=(16,), setting=setting)
    outcome = evaluate(asked, host, results=tmp_path / "r")
    assert {record.victim.model.name for record in outcome.records} == {"lsh"}
    assert [str(failure.victim) for failure in outcome.failures] == ["dpsh 16 bit"] * 2 + ["hashnet 16 bit"] * 2
    assert {type(failure.error).__name__ for failure in outcome.failures} == {"TrainingError"}
    assert all(failure.owner.startswith("robusthash-models ") for failure in outcome.failures)
    assert [event[0] for event in told if event[0] != "epoch"].count("failed") == 4
    assert end(told) == RunEnd(how=Ending.INCOMPLETE, failed=4)
    first = outcome.failures[0].error
    assert outcome.failures[1].error is first, "the training was repeated for the next cell"
    told.clear()
    options = {"train": {"epochs": 3}}
    evaluate(replace(asked, models=("dpsh",), setting=replace(setting, options=options)), host, results=tmp_path / "r")
    epochs = [event[1] for event in told if event[0] == "epoch"]
    assert [(one.training, one.epoch, one.epochs) for one in epochs] == [("dpsh 16 bit", n, 3) for n in (1, 2, 3)]
    assert epochs[-1].map is not None
    assert 0 < epochs[-1].map <= 1


def test_a_checkpoint_that_does_not_load_stops_no_other_model(
    host: PluginHost, model: LogitModel, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.safetensors"
    owner = "robusthash-models 0"
    description = Description(
        model=PluginUse(name="dpsh", owner=owner),
        backbone=PluginUse(name="small-cnn", owner=owner),
        pretrained="none",
        recipe={},
        bits=8,
        image_size=16,
        dataset="digits",
        dataset_digest="",
        classes=(),
        seed=0,
        versions={},
        report={},
    )
    save_checkpoint(path, nn.Linear(2, 2), description)
    asked = request(model, "hag", options={"hag": {"steps": 1}})
    outcome = evaluate(replace(asked, models=(str(path), model)), host, results=tmp_path / "r")
    assert [record.attack.name for record in outcome.records] == ["noise", "hag"]
    assert [str(failure.victim) for failure in outcome.failures] == ["wrong 8 bit"] * 2
    assert "weights of another network" in outcome.failures[0].error.message
    outcome = evaluate(replace(asked, surrogates=(str(path),)), host, results=tmp_path / "r")
    assert [record.attack.name for record in outcome.records] == ["noise"]
    assert [str(failure.victim) for failure in outcome.failures] == ["wrong 8 bit"]


def test_a_file_beside_a_checkpoint_is_not_ignored(model: LogitModel) -> None:
    for models in (("a.safetensors",), (model,)):
        with pytest.raises(UsageError, match=r"b\.safetensors is for no model"):
            Request(models=models, setting=RunSettings(checkpoint=Path("b.safetensors")))


def test_what_observers_get_cannot_be_changed(observed: Callable[[], Any], model: LogitModel, tmp_path: Path) -> None:
    host, told = observed()
    outcome = evaluate(request(model, "noise", options={"noise": {}}), host, results=tmp_path)
    info, record, end = told[0][2], told[1][1], told[-1][3]
    for change in (
        lambda: setattr(info, "seed", 1),
        lambda: info.options.update(noise={"steps": 1}),
        lambda: info.options["noise"].update(steps=1),
        lambda: record.outcome.metrics["clean"].clear(),
        lambda: next(iter(record.outcome.metrics["clean"].values())).pop("map"),
        lambda: record.attack.options.__setitem__("steps", 1),
        lambda: record.conditions.environment.setdefault("x", "y"),
        lambda: setattr(end, "how", Ending.DIED),
    ):
        with pytest.raises((TypeError, AttributeError)):
            change()
    object.__setattr__(record, "digest", "spoilt")
    assert outcome.records[0].digest != "spoilt"
    assert told[-1][1][0].digest != "spoilt"


def test_arrays_are_told_to_be_read_only() -> None:
    import numpy as np

    original = np.arange(3)
    copied = freeze({"codes": [original]})["codes"][0]
    with pytest.raises(ValueError, match="read-only"):
        copied[0] = 7
    original[0] = 7
    assert list(copied) == [0, 1, 2]


@pytest.mark.parametrize("hook", ["run_started", "cell_finished", "run_finished"])
def test_an_observer_that_raises_is_named_and_stops_nothing(
    site: Any, observed: Callable[[], Any], model: LogitModel, tmp_path: Path, hook: str
) -> None:
    source = f"from robusthash import hookimpl\n@hookimpl\ndef robusthash_{hook}():\n    raise OSError('tired')\n"
    site.install("a-tired-observer", source)
    host, told = observed()
    outcome: RunOutcome = evaluate(request(model, "noise"), host, results=tmp_path)
    assert len(outcome.records) == 1
    assert [event[0] for event in told] == ["started", "finished", "end"]
    (problem,) = host.problems
    whose = "entry point 'main' of a-tired-observer 1.2"
    assert problem.message.startswith(f"{whose} was to observe robusthash_{hook}, and raised OSError: tired")


@pytest.mark.slow
def test_workers_tell_nothing_twice(observed: Callable[[], Any], tmp_path: Path, cache: Path) -> None:
    host, told = observed()
    file = tmp_path / "m.py"
    file.write_text(
        "import torch\nfrom torch import nn\ndef build(bits):\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(768, bits))\n"
    )
    asked = request(f"{file}:build", "noise", shard_size=2)
    evaluate(asked, host, results=tmp_path / "r", executor=Processes(workers=2))
    assert [event[0] for event in told] == ["started", "finished", "end"]
    assert told[0][2].executor == "Processes"


@pytest.mark.slow
def test_ctrl_c_ends_a_command_with_130_and_tells_observers(site: Any, tmp_path: Path) -> None:
    site.install("a-printer", LINES)
    file = tmp_path / "m.py"
    file.write_text(
        "import time\nimport torch\nfrom torch import nn\n"
        "class Slow(nn.Module):\n"
        "    def __init__(self, bits):\n        super().__init__()\n        torch.manual_seed(0)\n"
        "        self.layer = nn.Linear(768, bits)\n"
        "    def forward(self, x):\n        time.sleep(0.2)\n        return self.layer(x.flatten(1))\n"
        "def build(bits):\n    return Slow(bits)\n"
    )
    command = ["-m", "robusthash", "eval", "--model", f"{file}:build", "--attack", "hag", "-o", "hag.steps=5000"]
    command += ["--queries", "4", "--image-size", "16", "--results", str(tmp_path / "r"), "--quiet"]
    process = subprocess.Popen(
        [sys.executable, *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=site.environment(ROBUSTHASH_CACHE=str(tmp_path / "cache")),
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline() == "started 2\n"
        while not list((tmp_path / "r").rglob("*.json")):  # noise is stored, and the attack goes on
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        assert "ended interrupted 1 None" in process.stderr.read()
        assert process.wait() == 130
    finally:
        process.kill()
        process.communicate()
