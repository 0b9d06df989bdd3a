"""The contract of observers: they only look. A run must be the same with them and without.

::

    class TestMine(ObserverContract):
        @pytest.fixture
        def observer(self) -> object:
            return plugin  # the module with the hooks, or a plugin object
"""

import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pluggy
import pytest

from robusthash import hookspecs
from robusthash.events import CellInfo, Ending, EpochInfo, ErrorInfo, RunEnd, RunInfo
from robusthash.host.registration import OBSERVERS
from robusthash.specs import Direction
from robusthash.testing.contracts.attacks.witnesses import global_randomness
from robusthash.testing.records import make_record


class ObserverContract:
    """The contract of observers. Override the fixture ``observer``."""

    @pytest.fixture
    def observer(self) -> object:
        """The module with the observer hooks under test; a subclass overrides this."""
        pytest.skip("override the fixture `observer` in a subclass")

    @pytest.fixture(autouse=True)
    def workplace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty folder, in which the run takes place."""
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_it_observes_something(self, observer: object) -> None:
        """At least one observer hook is implemented and accepted by the host."""
        assert _implemented(observer), f"it implements none of {', '.join(OBSERVERS)}"

    def test_a_whole_run_is_observed_without_an_error(self, observer: object) -> None:
        """From the start to the end; and again in the same process."""
        for _ in range(2):
            watch(observer)

    def test_a_run_may_start_before_the_last_has_ended(self, observer: object) -> None:
        """Runs may be nested, and one whose process was killed tells no end: state of an earlier run is no excuse."""
        whole = events()
        for hook, arguments in (*whole[:3], *whole):
            notify(observer, hook, arguments)

    def test_a_run_without_records_is_observed(self, observer: object) -> None:
        """No cell was finished, because all of them failed."""
        watch(observer, records=0)

    def test_standard_output_is_left_to_results(self, observer: object, capfd: pytest.CaptureFixture[str]) -> None:
        """Standard output is for results that other programs read: use logging or a file."""
        capfd.readouterr()
        watch(observer)
        assert capfd.readouterr().out == "", "what it wrote to standard output"

    def test_it_changes_nothing_that_it_is_shown(self, observer: object) -> None:
        """Settings and records are the same afterwards."""
        for hook, arguments in events():
            kept = deepcopy(arguments)
            notify(observer, hook, arguments)
            assert arguments == kept, f"the arguments of {hook}"

    def test_it_leaves_the_process_as_it_was(self, observer: object, workplace: Path) -> None:
        """Global random generators and the working folder are unchanged."""
        before = global_randomness()
        watch(observer)
        assert global_randomness() == before, "the state of torch's, numpy's or Python's global generator"
        assert Path(os.getcwd()) == workplace.resolve()  # noqa: PTH109 - of the process


def events(*, records: int = 3) -> list[tuple[str, dict[str, Any]]]:
    """The observer hooks that are called in a run, with their arguments.

    Args:
        records: of the run.
    """
    made = tuple(make_record(attack=f"attack-{i}", after=0.5 - 0.1 * i) for i in range(records))
    cell = CellInfo(
        model="dpsh",
        bits=32,
        defense=None,
        attack="rnm",
        options={"steps": 5},
        epsilon=8 / 255,
        surrogate=None,
        direction=Direction.I2I,
    )
    error = ErrorInfo(kind="TrainingError", message="the loss is not finite", hint="lower the learning rate")
    end = RunEnd(how=Ending.INCOMPLETE, failed=1)
    told: list[tuple[str, dict[str, Any]]] = [
        ("robusthash_run_started", {"cells": records + 1, "settings": _request()}),
        ("robusthash_epoch_finished", {"epoch": EpochInfo(training="dpsh 32 bit", epoch=1, epochs=2, loss=0.7)}),
        (
            "robusthash_epoch_finished",
            {"epoch": EpochInfo(training="dpsh 32 bit", epoch=2, epochs=2, loss=0.5, map=0.8)},
        ),
        (
            "robusthash_epoch_finished",
            {
                "epoch": EpochInfo(
                    training="prosgan on dpsh 32 bit",
                    epoch=1,
                    epochs=20,
                    loss=4.2,
                    losses={"hash": 4.1, "validation": 4.2, "label": 0.8},
                )
            },
        ),
        *(("robusthash_cell_finished", {"record": record, "reused": i == 0}) for i, record in enumerate(made)),
        ("robusthash_cell_failed", {"cell": cell, "owner": "sample-plugin 1.0", "error": error}),
        ("robusthash_run_finished", {"records": made, "seconds": 1.5, "end": end}),
    ]
    return told


def _request() -> RunInfo:
    return RunInfo(
        models=("dpsh",),
        attacks=("attack-0", "attack-1", "attack-2"),
        surrogates=(),
        vary={},
        bits=(32,),
        defenses=("none",),
        directions=(),
        epsilons=(8 / 255,),
        edits=(),
        dataset="digits",
        data_root=None,
        image_size=None,
        queries=50,
        backbone=None,
        weights="none",
        checkpoint=None,
        retriever="auto",
        metrics=("map",),
        score_by="codes",
        relevance="share-any",
        options={"train": {"epochs": 2}},
        seed=0,
        shard_size=None,
        device="cpu",
        qualities=(),
        precision="float32",
        compiled=False,
        results="results",
        executor="Local",
        force=False,
    )


def watch(observer: object, *, records: int = 3) -> None:
    """Shows a run to an observer: a model is trained, cells are finished, one fails, and the run ends.

    Args:
        observer: the module with the hooks.
        records: number of cells that are finished.
    """
    for hook, arguments in events(records=records):
        notify(observer, hook, arguments)


def notify(observer: object, hook: str, arguments: Mapping[str, Any]) -> None:
    """Calls one hook of one observer, as the host does; an error passes through."""
    getattr(_manager(observer).hook, hook)(**arguments)


def _implemented(observer: object) -> list[str]:
    manager = _manager(observer)
    return [hook for hook in OBSERVERS if getattr(manager.hook, hook).get_hookimpls()]


def _manager(observer: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("robusthash")
    manager.add_hookspecs(hookspecs)
    manager.register(observer)
    manager.check_pending()
    return manager
