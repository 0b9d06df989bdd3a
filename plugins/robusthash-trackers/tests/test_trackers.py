"""Each tracker against its real library, writing to a local folder; and the observer without any."""

import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import ClassVar

import pytest

from robusthash.errors import MissingDependencyError, UsageError
from robusthash.testing import ObserverContract, make_record, watch
from robusthash_trackers import tracker as trackers
from robusthash_trackers.plugin import Trackers, chosen
from robusthash_trackers.telling import finished_cell
from robusthash_trackers.tracker import Tracker, flat, tracker

NAMES = ("mlflow", "tensorboard", pytest.param("wandb", marks=pytest.mark.slow))  #: wandb starts a service
MAP = "attack-1 on dpsh, 32 bit, 0.03137/map adversarial"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of all libraries: everything stays in a folder, and nothing asks a network."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'mlflow'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("ROBUSTHASH_TENSORBOARD", str(tmp_path / "tensorboard"))
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # of the libraries, which are others' affair
@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("name", NAMES)
class TestTrackers(ObserverContract):
    @pytest.fixture
    def observer(self, name: str, monkeypatch: pytest.MonkeyPatch) -> object:
        pytest.importorskip(name, reason=f"{name} is not installed")
        monkeypatch.setenv("ROBUSTHASH_TRACKERS", name)
        return Trackers()


class TestOff(ObserverContract):
    """Nothing is tracked unless somebody asks for it."""

    @pytest.fixture
    def observer(self, monkeypatch: pytest.MonkeyPatch) -> object:
        monkeypatch.delenv("ROBUSTHASH_TRACKERS", raising=False)
        monkeypatch.setattr(trackers, "_LIBRARIES", {})  # a tracker that is opened is a KeyError
        return Trackers()


@pytest.mark.filterwarnings("ignore")
def test_mlflow_draws_from_no_global_generator(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("ROBUSTHASH_TRACKERS", "mlflow")
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=10**18 + 5))  # its end begins with zeros, to be filled up
    before = random.getstate()
    watch(Trackers())
    assert random.getstate() == before
    assert any((places / "mlflow").iterdir())


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_parameters_metrics_and_the_end(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("ROBUSTHASH_TRACKERS", "mlflow")
    watch(Trackers())
    client = mlflow.MlflowClient()
    (experiment,) = (one for one in client.search_experiments() if one.name == "robusthash")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"  # one cell failed
    assert run.data.params["dataset"] == "digits"
    assert run.data.params["options.train.epochs"] == "2"
    assert run.data.metrics[MAP.replace(",", "_")] == pytest.approx(0.4)
    losses = client.get_metric_history(run.info.run_id, "training/dpsh 32 bit/loss")
    assert [(one.step, one.value) for one in losses] == [(1, 0.7), (2, 0.5)]
    assert run.data.tags["run/end"] == "incomplete"
    assert "the loss is not finite" in run.data.tags["failed/rnm on dpsh"]


@pytest.mark.slow
def test_wandb_writes_an_offline_run(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("ROBUSTHASH_TRACKERS", "wandb")
    # In a process of its own: the library's service writes the last lines when its process ends.
    code = "from robusthash.testing import watch; from robusthash_trackers.plugin import Trackers; watch(Trackers())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (file,) = (places / "wandb").glob("offline-run-*/run-*.wandb")
    content = file.read_bytes()
    for text in (MAP, "training/dpsh 32 bit/loss", "the loss is not finite", "incomplete", "digits"):
        assert text.encode() in content, text


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_has_scalars_and_texts(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("ROBUSTHASH_TRACKERS", "tensorboard")
    watch(Trackers())
    (folder,) = (places / "tensorboard").iterdir()
    found = EventAccumulator(str(folder)).Reload()
    losses = found.Scalars("training/dpsh 32 bit/loss")
    assert [(one.step, round(one.value, 6)) for one in losses] == [(1, 0.7), (2, 0.5)]
    assert found.Scalars(MAP)[0].value == pytest.approx(0.4)
    assert any("settings" in name for name in found.Tags()["tensors"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
@pytest.mark.parametrize(
    "strange",
    ["../../x", "/a//b/./..", "..", "", "a|b\n| c |<img src=x>[y](javascript:z)", "\x1b[2J\u202e", "x" * 20_000],
)
@pytest.mark.usefixtures("places")
def test_a_tracker_takes_any_name(name: str, strange: str) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    made = tracker(name, strange, {strange: strange, "nested": {strange: [strange]}})
    made.add({f"{strange}/map": 0.5}, step=1)
    made.note(strange, strange)
    made.close(complete=True)


def test_a_cell_is_named_by_all_that_tells_it_from_others() -> None:
    hardened = finished_cell(make_record(attack="rnm", defense="cgat", bits=16, after=0.25))
    assert hardened["rnm on dpsh + cgat, 16 bit, 0.03137/map adversarial"] == 0.25
    assert not hardened.keys() & finished_cell(make_record(attack="rnm", bits=16)).keys()


def test_names_are_checked_and_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(" wandb,mlflow , wandb") == ["wandb", "mlflow"]
    with pytest.raises(UsageError, match="unknown tracker 'mlfow' in ROBUSTHASH_TRACKERS"):
        chosen("mlfow")
    monkeypatch.setattr(trackers, "_LIBRARIES", {"wandb": "no_such_library"})
    with pytest.raises(MissingDependencyError, match="needs wandb") as caught:
        trackers.tracker("wandb", "run", {})
    assert caught.value.hint == "pip install wandb"


def test_an_unfinished_run_is_closed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noted(Tracker):
        closed: ClassVar[list[bool]] = []

        def __init__(self, name: str, settings: object) -> None: ...

        def add(self, values: object, *, step: int) -> None: ...

        def note(self, name: str, text: str) -> None: ...

        def close(self, *, complete: bool) -> None:
            self.closed.append(complete)

    monkeypatch.setenv("ROBUSTHASH_TRACKERS", "wandb")
    monkeypatch.setattr("robusthash_trackers.plugin.tracker", lambda name, run, settings: Noted(run, settings))
    observer = Trackers()
    for _ in range(2):
        watch(observer)
    assert Noted.closed == [False, False]
    assert flat({"a": {"b": None}}) == {}
